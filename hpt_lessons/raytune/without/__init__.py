"""Modules that Ray's processes shall not find: each has the name of one that is heavy, and is none.

To check its runtime environments Ray imports jsonschema, and this builds a grammar of web addresses if the package
`rfc3987_syntax` is there, which JupyterLab brings: half of the time of `import ray`, in each of Ray's seven processes.
"""
