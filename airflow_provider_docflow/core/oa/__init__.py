"""What the approvals (OA) of several products have in common: one form per document, read one by one."""
