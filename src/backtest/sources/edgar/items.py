"""The items of Form 8-K, the category of news that each becomes, and their titles on the form."""

from __future__ import annotations

RESULTS = "2.02"
_TABLE = """
1.01 agreement     Entry into a Material Definitive Agreement
1.02 agreement     Termination of a Material Definitive Agreement
1.03 bankruptcy    Bankruptcy or Receivership
1.04 other         Mine Safety - Reporting of Shutdowns and Patterns of Violations
1.05 cybersecurity Material Cybersecurity Incidents
2.01 acquisition   Completion of Acquisition or Disposition of Assets
2.02 -             Results of Operations and Financial Condition
2.03 financing     Creation of a Direct Financial Obligation or an Obligation under an Off-Balance Sheet Arrangement of a Registrant
2.04 financing     Triggering Events That Accelerate or Increase a Direct Financial Obligation or an Obligation under an Off-Balance Sheet Arrangement
2.05 restructuring Costs Associated with Exit or Disposal Activities
2.06 impairment    Material Impairments
3.01 listing       Notice of Delisting or Failure to Satisfy a Continued Listing Rule or Standard; Transfer of Listing
3.02 financing     Unregistered Sales of Equity Securities
3.03 governance    Material Modification to Rights of Security Holders
4.01 auditor       Changes in Registrant's Certifying Accountant
4.02 restatement   Non-Reliance on Previously Issued Financial Statements or a Related Audit Report or Completed Interim Review
5.01 control       Changes in Control of Registrant
5.02 officers      Departure of Directors or Certain Officers; Election of Directors; Appointment of Certain Officers; Compensatory Arrangements of Certain Officers
5.03 governance    Amendments to Articles of Incorporation or Bylaws; Change in Fiscal Year
5.04 governance    Temporary Suspension of Trading Under Registrant's Employee Benefit Plans
5.05 governance    Amendments to the Registrant's Code of Ethics, or Waiver of a Provision of the Code of Ethics
5.06 governance    Change in Shell Company Status
5.07 governance    Submission of Matters to a Vote of Security Holders
5.08 governance    Shareholder Director Nominations
6.01 other         ABS Informational and Computational Material
6.02 other         Change of Servicer or Trustee
6.03 other         Change in Credit Enhancement or Other External Support
6.04 other         Failure to Make a Required Distribution
6.05 other         Securities Act Updating Disclosure
7.01 other         Regulation FD Disclosure
8.01 other         Other Events
9.01 -             Financial Statements and Exhibits
"""  # noqa: E501 - one line an item
# no category: an event of a kind of its own, or no news
ITEMS: dict[str, tuple[str, str]] = {
    number: (category.strip("-"), title)
    for number, category, title in (line.split(maxsplit=2) for line in _TABLE.split("\n") if line)
}


def by_category(items: tuple[str, ...]) -> tuple[dict[str, list[str]], list[str]]:
    """The items of a filing by category, and those that are not on the form as it is today."""
    found: dict[str, list[str]] = {}
    for item in items:
        category = ITEMS.get(item, ("", ""))[0]
        if category:
            found.setdefault(category, []).append(item)
    return found, [item for item in items if item not in ITEMS]
