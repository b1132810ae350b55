"""Which column of each public data file names the clusters; files that are not here have none."""

KEYS = {
    "antidepressant": "PATIENT",
    "brandsma": "sch",
    "fdgs": "reg",
    "hiv": "region",
    "impact": "name",
    "popNCR": "class",
    "popmis": "school",
    "popmis_complete": "school",
    "popular_complete": "class",
    "popular_tutorial_MAR": "cluster_id",
    "popular_tutorial_complete": "cluster_id",
    "toenail": "patientID",
}
