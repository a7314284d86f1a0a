"""Bills by their columns: which column of each provider's export holds which FOCUS column. Called by `rows.py`.

Names are compared by their letters and digits alone, so that `lineItem/UnblendedCost` (legacy CUR) and
`line_item_unblended_cost` (CUR 2.0, Athena) are one. Formats:

- FOCUS 1.0 to 1.4: https://focus.finops.org/focus-specification/
- AWS CUR: https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html
- Azure: https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/cost-usage-details-ea
- OCI: https://docs.oracle.com/iaas/Content/Billing/Concepts/costusagereportsoverview.htm
- GCP: https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Term:
    """A column that is added to a cost; `times` is 1 or -1.

    Only rows whose charge type is in `only`, or is not in `without`, and whose column `unless` is empty, take part.
    `listed`: the column may hold a JSON list of objects whose `amount` counts.
    """

    column: str
    times: int = 1
    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    unless: str | None = None
    listed: bool = False


@dataclass(frozen=True)
class Layout:
    """Where one format keeps what totals need. Column names are bare (see `bare`); the first filled one counts."""

    name: str
    needed: tuple[str, ...]
    start: str
    columns: Mapping[str, tuple[str, ...]]
    billed: tuple[Term, ...]
    effective: tuple[Term, ...]
    charge_type: str | None = None
    provider: str | None = None
    tags: tuple[str, ...] = ()
    tag_prefixes: tuple[str, ...] = ()
    day_first: bool | None = field(default=None)


def bare(name: str) -> str:
    """Letters and digits of a column's name, in lower case."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


FOCUS = Layout(
    name="FOCUS",
    needed=("chargeperiodstart", "billedcost"),
    start="chargeperiodstart",
    columns={
        "ServiceName": ("servicename",),
        "BillingCurrency": ("billingcurrency",),
        "ProviderName": ("serviceprovidername", "providername", "hostprovidername"),
        "BillingAccountId": ("billingaccountid",),
        "BillingPeriodStart": ("billingperiodstart",),
        "InvoiceIssuerName": ("invoiceissuername",),
        "SubAccountId": ("subaccountid",),
        "RegionId": ("regionid", "region"),
        "ChargeCategory": ("chargecategory",),
        "ResourceId": ("resourceid",),
    },
    billed=(Term("billedcost"),),
    effective=(Term("effectivecost"),),
    tags=("tags",),
)

_COVERED = frozenset({"SavingsPlanCoveredUsage"})
_NEGATED = frozenset({"SavingsPlanNegation"})
_PLAN_FEE = frozenset({"SavingsPlanRecurringFee"})
_PLAN_UPFRONT = frozenset({"SavingsPlanUpfrontFee"})
_RESERVED = frozenset({"DiscountedUsage"})
_RESERVATION_FEE = frozenset({"RIFee"})
_FEE = frozenset({"Fee"})

AWS_CUR = Layout(
    name="AWS CUR",
    needed=("lineitemusagestartdate", "lineitemunblendedcost"),
    start="lineitemusagestartdate",
    columns={
        "ServiceName": ("productproductname", "productservicename", "lineitemproductcode"),
        "BillingCurrency": ("lineitemcurrencycode",),
        "BillingAccountId": ("billpayeraccountid",),
        "BillingPeriodStart": ("billbillingperiodstartdate",),
        "InvoiceIssuerName": ("billinvoicingentity",),
        "SubAccountId": ("lineitemusageaccountid",),
        "RegionId": ("productregioncode", "productregion"),
        "ChargeCategory": ("lineitemlineitemtype",),
        "ResourceId": ("lineitemresourceid",),
    },
    # Usage under a savings plan is listed at its public price and taken back by a negation: neither is billed.
    billed=(Term("lineitemunblendedcost", without=_COVERED | _NEGATED),),
    effective=(
        Term(
            "lineitemunblendedcost",
            without=_COVERED | _NEGATED | _PLAN_FEE | _PLAN_UPFRONT | _RESERVED | _RESERVATION_FEE | _FEE,
        ),
        # A fee of a reservation was paid upfront and is spread over the usage.
        Term("lineitemunblendedcost", only=_FEE, unless="reservationreservationarn"),
        Term("savingsplansavingsplaneffectivecost", only=_COVERED),
        Term("savingsplantotalcommitmenttodate", only=_PLAN_FEE),
        Term("savingsplanusedcommitment", times=-1, only=_PLAN_FEE),
        Term("reservationeffectivecost", only=_RESERVED),
        Term("reservationunusedamortizedupfrontfeeforbillingperiod", only=_RESERVATION_FEE),
        Term("reservationunusedrecurringfee", only=_RESERVATION_FEE),
    ),
    charge_type="lineitemlineitemtype",
    provider="AWS",
    tags=("resourcetags",),
    tag_prefixes=("resourcetagsuser", "resourcetags"),
    day_first=False,
)

_AZURE_COLUMNS = {
    "ServiceName": ("metercategory", "consumedservice"),
    "BillingCurrency": ("billingcurrency", "billingcurrencycode", "currency", "currencycode"),
    "BillingAccountId": ("billingaccountid", "billingaccountname"),
    "BillingPeriodStart": ("billingperiodstartdate",),
    "InvoiceIssuerName": ("invoicesectionname",),
    "SubAccountId": ("subscriptionid", "subscriptionguid"),
    "RegionId": ("resourcelocation", "resourcelocationnormalized"),
    "ChargeCategory": ("chargetype",),
    "ResourceId": ("resourceid", "instanceid", "instancename"),
}


def _azure(name: str, start: str, cost: str) -> Layout:
    return Layout(
        name=name,
        needed=(start, cost, "metercategory"),
        start=start,
        columns=_AZURE_COLUMNS,
        billed=(Term(cost),),
        effective=(Term(cost),),
        provider="Microsoft",
        tags=("tags",),
        day_first=False,
    )


GCP = Layout(
    name="GCP billing export",
    needed=("usagestarttime", "cost", "currency"),
    start="usagestarttime",
    columns={
        "ServiceName": ("servicedescription", "serviceid"),
        "BillingCurrency": ("currency",),
        "BillingAccountId": ("billingaccountid",),
        "BillingPeriodStart": ("invoicemonth",),
        "InvoiceIssuerName": ("sellername",),
        "SubAccountId": ("projectid",),
        "RegionId": ("locationregion",),
        "ChargeCategory": ("costtype",),
        "ResourceId": ("resourceglobalname", "resourcename"),
    },
    # Costs stand before credits, which are negative.
    billed=(Term("cost"), Term("credits", listed=True)),
    effective=(Term("cost"), Term("credits", listed=True)),
    provider="Google Cloud",
    tags=("labels",),
)

OCI = Layout(
    name="OCI cost report",
    needed=("lineitemintervalusagestart", "costmycost"),
    start="lineitemintervalusagestart",
    columns={
        "ServiceName": ("productservice",),
        "BillingCurrency": ("costcurrencycode",),
        "BillingAccountId": ("lineitemtenantid",),
        "SubAccountId": ("productcompartmentid",),
        "RegionId": ("productregion",),
        "ResourceId": ("productresourceid",),
    },
    billed=(Term("costmycost"),),
    effective=(Term("costmycost"),),
    provider="Oracle",
    tag_prefixes=("tags",),
)

COST_EXPLORER = Layout(
    name="AWS Cost Explorer",
    needed=("start", "unblended", "amortized"),
    start="start",
    columns={
        "ServiceName": ("service",),
        "BillingCurrency": ("unit",),
        "SubAccountId": ("linkedaccount",),
        "RegionId": ("region",),
        "ChargeCategory": ("recordtype",),
    },
    billed=(Term("unblended"),),
    effective=(Term("amortized"),),
    provider="AWS",
    tag_prefixes=("tag",),
)

LAYOUTS = (
    FOCUS,
    AWS_CUR,
    _azure("Azure cost export", "date", "costinbillingcurrency"),
    _azure("Azure cost export", "date", "cost"),
    _azure("Azure cost export", "usagedatetime", "pretaxcost"),
    _azure("Azure cost export", "usagedate", "pretaxcost"),
    OCI,
    GCP,
    COST_EXPLORER,
)


def layout_of(header: Sequence[str]) -> Layout | None:
    """The first layout whose needed columns are all there."""
    names = {bare(name) for name in header}
    return next((layout for layout in LAYOUTS if names.issuperset(layout.needed)), None)
