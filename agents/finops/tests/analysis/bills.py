"""Small bills in each provider's own columns, written for these tests."""

import json

FOCUS = """BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,ChargePeriodStart,EffectiveCost,\
InvoiceIssuerName,ProviderName,RegionId,ServiceName,SubAccountId,Tags,x_Cost
1.10,A,USD,2026-09-01,2026-09-01T00:00:00Z,1.00,AWS,AWS,eu-1,Compute,s1,"{""team"": ""red""}",inf
2.25,A,USD,2026-09-01,2026-09-02T00:00:00Z,NULL,AWS,AWS,eu-2,Compute,s2,NULL,
-0.05,A,USD,2026-09-01,2026-09-02T23:00:00-05:00,0.5,AWS,AWS,eu-1,Storage,s1,"{""team"": ""blue""}",
"""

LEGACY_CUR = """identity/LineItemId,bill/PayerAccountId,bill/BillingPeriodStartDate,bill/InvoicingEntity,\
lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/CurrencyCode,lineItem/UnblendedCost,\
product/ProductName,product/region,reservation/EffectiveCost,savingsPlan/SavingsPlanEffectiveCost,\
savingsPlan/TotalCommitmentToDate,savingsPlan/UsedCommitment,resourceTags/user:team
1,P,2026-09-01T00:00:00Z,AWS Inc,a1,Usage,2026-09-01T05:00:00Z,USD,1.5,Compute Cloud,us-east-1,,,,,red
2,P,2026-09-01T00:00:00Z,AWS Inc,a1,SavingsPlanCoveredUsage,2026-09-01T05:00:00Z,USD,10,Compute Cloud,\
us-east-1,,6.5,,,red
3,P,2026-09-01T00:00:00Z,AWS Inc,a1,SavingsPlanNegation,2026-09-01T05:00:00Z,USD,-10,Compute Cloud,us-east-1,,,,,
4,P,2026-09-01T00:00:00Z,AWS Inc,a1,SavingsPlanRecurringFee,2026-09-01T05:00:00Z,USD,8,Savings Plans,,,,8,6.5,
5,P,2026-09-01T00:00:00Z,AWS Inc,a1,DiscountedUsage,2026-09-01T06:00:00Z,USD,0,Compute Cloud,us-east-1,0.25,,,,blue
"""

CUR_FEES = """bill_payer_account_id,line_item_line_item_type,line_item_usage_start_date,line_item_currency_code,\
line_item_unblended_cost,line_item_product_code,reservation_reservation_a_r_n,reservation_effective_cost,\
reservation_unused_amortized_upfront_fee_for_billing_period,reservation_unused_recurring_fee
P,Fee,2026-09-01T00:00:00Z,USD,1200,AmazonEC2,arn:aws:ec2:::reserved-instances/r1,,,
P,Fee,2026-09-01T00:00:00Z,USD,29,AWSSupport,,,,
P,RIFee,2026-09-01T00:00:00Z,USD,40,AmazonEC2,arn:aws:ec2:::reserved-instances/r1,,3.5,1.25
P,DiscountedUsage,2026-09-01T00:00:00Z,USD,0,AmazonEC2,arn:aws:ec2:::reserved-instances/r1,0.75,,
P,Tax,2026-09-01T00:00:00Z,USD,2,AWSSupport,,,,
"""
"""An upfront and a recurring fee of a reservation, a fee of none, covered usage, tax."""

AZURE_MCA = """invoiceId,billingAccountId,billingProfileId,invoiceSectionName,date,meterCategory,\
costInBillingCurrency,costInPricingCurrency,costInUsd,billingCurrency,SubscriptionId,tags,chargeType,billingPeriodStartDate
,B,P,section,09/13/2026,Storage,1.5,1.6,1.7,EUR,sub,"{""team"":""red""}",Usage,09/01/2026
"""

AZURE_PAY_AS_YOU_GO = """SubscriptionGuid,ResourceGroup,ResourceLocation,UsageDateTime,MeterCategory,PreTaxCost,\
Currency,Tags
sub,group,westeurope,2026-09-13T00:00:00,Storage,1.5,EUR,"{""team"":""red""}"
"""

AZURE_PARTNER = """PartnerId,CustomerId,UsageDate,MeterCategory,PreTaxCost,Currency,SubscriptionId,Tags
p,c,2026-09-13,Storage,1.5,EUR,sub,"{""team"":""red""}"
"""

CUR_2 = """bill_payer_account_id,bill_billing_period_start_date,line_item_usage_account_id,line_item_line_item_type,\
line_item_usage_start_date,line_item_currency_code,line_item_unblended_cost,line_item_product_code,resource_tags
P,2026-09-01 00:00:00,a1,Usage,2026-09-01 05:00:00,USD,1.5,AmazonEC2,"{""user_team"":""red""}"
"""

AZURE = """SubscriptionId,BillingAccountId,BillingPeriodStartDate,Date,MeterCategory,CostInBillingCurrency,\
BillingCurrency,ResourceLocation,ChargeType,Tags
sub,B,09/01/2026,09/02/2026,Virtual Machines,0.000012345678901234567,EUR,westeurope,Usage,"""
AZURE += '"""team"": ""red"""\n'

OCI = """lineItem/referenceNo,lineItem/tenantId,lineItem/intervalUsageStart,product/service,product/region,\
product/compartmentId,cost/myCost,cost/currencyCode,lineItem/isCorrection,tags/team
r1,T,2026-09-01T00:00Z,COMPUTE,eu-frankfurt-1,c1,3.25,EUR,false,red
r2,T,2026-09-01T01:00Z,COMPUTE,eu-frankfurt-1,c1,-0.25,EUR,true,red
"""

GCP_CSV = """billing_account_id,service.description,usage_start_time,project.id,location.region,cost,currency,\
invoice.month
G,Compute Engine,2026-09-01 07:00:00 UTC,p1,europe-west1,4.5,EUR,202609
"""

GCP_CSV_CREDITS = """billing_account_id,service_description,usage_start_time,cost,currency,credits
G,Compute Engine,2026-09-01 07:00:00 UTC,5,EUR,"[{""name"": ""promotion"", ""amount"": -0.3}, {""amount"": -0.2}]"
G,Compute Engine,2026-09-01 08:00:00.123456 UTC,0.1,EUR,[]
G,Compute Engine,2026-09-01 09:00:00 UTC,0.2,EUR,-0.1
"""

GCP_ROW = {
    "billing_account_id": "G",
    "service": {"id": "6F81", "description": "Compute Engine"},
    "usage_start_time": "2026-09-01 07:00:00 UTC",
    "project": {"id": "p1"},
    "location": {"region": "europe-west1"},
    "labels": [{"key": "team", "value": "red"}],
    "cost": 5.0,
    "credits": [{"name": "promotion", "amount": -0.3}, {"name": "commitment", "amount": -0.2}],
    "currency": "EUR",
    "invoice": {"month": "202609"},
}

GCP_LINES = json.dumps(GCP_ROW) + "\n"

COST_EXPLORER = json.dumps(
    {
        "GroupDefinitions": [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "TAG", "Key": "team"}],
        "ResultsByTime": [
            {
                "TimePeriod": {"Start": "2026-09-01", "End": "2026-09-02"},
                "Total": {},
                "Groups": [
                    {
                        "Keys": ["Amazon EC2", "team$red"],
                        "Metrics": {
                            "UnblendedCost": {"Amount": "12.3400000001", "Unit": "USD"},
                            "AmortizedCost": {"Amount": "11", "Unit": "USD"},
                        },
                    }
                ],
                "Estimated": False,
            }
        ],
    },
    indent=1,
)
