"""Intervals and paired tests: of shares, AUC, means and resampled figures, patients as clusters.

Knows films as rows and patients as codes, nothing of runs or metrics. Every interval is for 95 %.
`groups` is (n,) whole numbers, the patient of each film; None, or a code of its own for every film,
means that films are independent. Both give the same.

Simulated by `bench/comparison.py` with 60, 225 and 1,000 films, of patients with 1 and with 2 films on
average, and true values of 0.5 to 0.99: intervals of accuracy, recall, F1 and AUC hold the truth in 94
to 97 % on average (88 % at the least: macro F1 of 0.99 on 60 films), those of pairs in 94 to 97.5 %.
With 15 films, as for recall on 60, those of pairs are too wide (97.5 to 99 %), and with 5 films of a
class those of AUC pairs too narrow (88 % at the least). Five equal models: after Holm any two are
proven different in 0 to 5 of 100 sets.
"""
