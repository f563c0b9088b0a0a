"""Fills an empty Tryton with what `tryton.SEED` says. Run by Tryton's own Python, with the settings file as argument.

The seed comes as JSON on standard input; the key of a new application for the REST API goes to standard output.
"""

import json
import sys
from typing import Any

from proteus import Model, config


def _party(name: str, mechanisms: list[list[str]]) -> Any:
    party = Model.get("party.party")(name=name)
    party.save()
    for kind, value in mechanisms:
        Model.get("party.contact_mechanism")(party=party, type=kind, value=value).save()
    return party


def _company(admin: Any) -> Any:
    currency = Model.get("currency.currency")(name="Euro", code="EUR", symbol="E", numeric_code="978")
    currency.save()
    company = Model.get("company.company")(party=_party("The office", []), currency=currency)
    company.save()
    admin.companies.append(company)
    admin.company = company
    admin.save()
    return company


def _seed(data: dict[str, Any]) -> str:
    """Employees, parties, opportunities; the key."""
    admin = Model.get("res.user").find([("login", "=", "admin")])[0]
    company = _company(admin)
    employees = {}
    for name, mechanisms in data["employees"].items():
        employees[name] = Model.get("company.employee")(party=_party(name, mechanisms), company=company)
        employees[name].save()
    parties = {name: _party(name, mechanisms) for name, mechanisms in data["parties"].items()}
    for party, employee, second in data["opportunities"]:
        opportunity = Model.get("sale.opportunity")(description=party, party=parties[party], company=company)
        opportunity.employee = employees[employee] if employee else None
        opportunity.converted_by = employees[second] if second else None
        opportunity.save()
    application = Model.get("res.user.application")(user=admin, application="rest")
    application.save()
    return str(application.key)


if __name__ == "__main__":
    config.set_trytond("crm", user="admin", config_file=sys.argv[1])
    print(_seed(json.load(sys.stdin)))
