"""A small 3-D thorax made of formulas, and the X-ray of it: the demonstration dataset's patients.

anatomy -> skeleton, vessels, lesions -> ../thorax (assembles and projects) -> film -> ../demo
projector: the rays through all of them
"""
