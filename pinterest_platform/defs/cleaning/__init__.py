"""`clean_pins`, `quarantined_pins` and `misdated_records`, with their checks. The work is done in
`pinterest_platform.clean_slices`.
"""
