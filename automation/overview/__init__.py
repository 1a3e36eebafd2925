"""What people are shown of all environments: one document of a versioned shape, and the page that is made of it.

``document`` is the shape, ``words`` how times are said, ``markup`` what may stand in HTML, ``plots`` the pictures,
``page`` the whole. Nothing here looks at a cluster, a bucket or GitHub: :mod:`automation.jobs.status.brief` does.
"""
