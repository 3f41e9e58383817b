"""A host's side: it takes orders, cuts, stages, answers, and stands down when it is in trouble.

worker    the host as a whole, on Celery
cutting, cutting_carried, cutting_steps    one order; one whose picture came along; what both do
alone     the same in a process of its own, for an order that came back
sight     which folders a host sees, and so which orders it takes
backgrounds    background pictures that came over the hub
"""
