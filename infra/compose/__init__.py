"""What `infra/compose.yaml` needs of the project's own code: configuration files before the servers, tables after them.

Belongs here: the two one-shot services. The files come from the same templates, and the tables from the same functions,
as those of the local stack. Does not belong here: which containers there are (`infra/compose.yaml`).
"""
