"""What hypothesis calls when it is loaded: from then on ``st.from_type(Value)`` draws leaves."""


def register() -> None:
    """Tell hypothesis how Values are drawn, once one is asked for."""
    from hypothesis.strategies import SearchStrategy, register_type_strategy

    from ..engine import Value

    def drawn(kind: type) -> SearchStrategy[Value]:
        from .strategies import values

        return values()

    register_type_strategy(Value, drawn)
