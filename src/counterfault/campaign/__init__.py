"""A campaign: plan, controls, attempts, verdicts, gate. It knows ports, never plug-ins."""
