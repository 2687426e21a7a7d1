from sekisho.store import Store


def test_a_mark_is_the_last_that_was_written(store: Store) -> None:
    with store.transaction() as transaction:
        assert transaction.mark("a") is None
        transaction.put_mark("a", "1")
        transaction.put_mark("b", "2")
    with store.transaction() as transaction:
        transaction.put_mark("a", "3")
    with store.reading() as transaction:
        assert (transaction.mark("a"), transaction.mark("b")) == ("3", "2")
