"""Invoices and what is still owed: the file that `make try` completes."""

from dataclasses import dataclass


@dataclass
class Invoice:
    """What one customer was asked to pay."""

    customer: str
    amount: float
    is_paid: bool


def outstanding(invoices: list[Invoice]) -> float:
    """Sum of the amounts that are not paid yet."""
    return sum(invoice.amount for invoice in invoices if not invoice.is_paid)


def customers(invoices: list[Invoice]) -> set[str]:
    """Names of all who have an invoice."""
    return {invoice.customer for invoice in invoices}
