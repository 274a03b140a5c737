"""The rules, pure: no clock, no socket, no disk. Time comes in as ``now_ms``.

==================  ==========================================================
``nouns``           what every value below is made with
``model``           services, routes, providers, orders: the nouns
``messages``        what is asked and answered, free of any dialect
``errors``          what we answer a reseller; what a provider's text means
``order_types``     required parameters and billable units of every type
``pricing``         integer micros: charges, costs, text in and out
``routing``         which routes may serve an order, and in what order
``drift``           what a provider changed in its catalogue, and whether to believe it
``outcome``         the four outcomes of a call that buys, what follows each
``health``          whether a provider may be given orders now
``lifecycle``       order states as a table, and every word a reseller sees
``settlement``      what a status answer makes of an order, set-to refunds
``costs``           what an order costs in the end, children and all
``ledger``          transfers as entries that sum to zero
``steady``          the time that deadlines go by, without the clock's steps
``doubt``           what to do next about orders in doubt; the rest is its parts:
``incident``        what is seen of doubts, and every step that can follow
``bracket``         which window of IDs to ask for
``scanning``        asking for a window, and believing the answers
``counting``        which unknown order is which doubt
``evidence``        what an account's own past proves of its panel
``rivals``          what placing an order must know of open doubts
==================  ==========================================================
"""
