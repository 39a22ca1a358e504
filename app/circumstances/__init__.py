"""What lies around a case: the trade, where people come from, companies, money that came back."""
