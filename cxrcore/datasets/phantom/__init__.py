"""A small 3-D thorax made of formulas, and its X-ray: the patients of the demonstration.

anatomy -> skeleton, vessels, organs, lesions -> ../thorax (projects) -> film -> ../demo
projector: the rays through all of them
"""
