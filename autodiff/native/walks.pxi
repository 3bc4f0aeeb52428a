# The native engine's walks over a graph: orders, the backward pass, and derivatives that leave `grad` alone, as in
# autodiff/walks.py. Included by value.pyx.
#
# A walk writes a number into the `mark` of each node that it meets, the next for each: so a node tells whether it was
# met, and which place it has in an array beside the graph. No Python code runs in a walk, but for the handlers of
# signals, which are asked for now and then; one lock keeps other walks out meanwhile.


cdef struct Stack:
    Ref *items
    Py_ssize_t count, room


cdef struct Walk:
    unsigned long long first, next  # the mark of the first node that it met, and that of the next one that it will meet
    long long since  # the epoch below which it does not go
    bint older  # is there something below?
    Stack nodes, leaves, path
    double *numbers  # one for each leaf, or one for each node that was met


cdef extern from "pythread.h":
    ctypedef void *PyThread_type_lock
    enum:
        WAIT_LOCK, NOWAIT_LOCK
    PyThread_type_lock PyThread_allocate_lock()
    int PyThread_acquire_lock(PyThread_type_lock lock, int wait) nogil
    void PyThread_release_lock(PyThread_type_lock lock)
    unsigned long PyThread_get_thread_ident()

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef enum:
    STEPS_BETWEEN_SIGNALS = 1 << 16

cdef unsigned long long next_mark = 1
cdef long long clock = 0, assigned = -1  # the epoch that nodes are made in; that in which data was last assigned
cdef PyThread_type_lock walking = NULL
cdef unsigned long walker = 0  # the thread that is walking


def new_lock():
    """In a new process, which begins with no walk, whatever its parent's other threads are at."""
    global walking, walker
    walking, walker = PyThread_allocate_lock(), 0


new_lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=new_lock)


def tick():
    global clock
    clock += 1
    return clock


cdef inline void note_assignment() noexcept:
    global assigned
    assigned = clock


def last_assignment():
    return assigned


def oldest(nodes):
    cdef long long found = clock
    for node in nodes:
        found = min(found, (<Value?>node).epoch)
    return found


cdef int begin(Walk *walk, long long since) except -1:
    global walker
    between_walks("a walk over a graph was begun within another one")
    if not PyThread_acquire_lock(walking, NOWAIT_LOCK):
        with nogil:
            PyThread_acquire_lock(walking, WAIT_LOCK)
    walker = PyThread_get_thread_ident()
    memset(walk, 0, sizeof(Walk))
    walk.first = walk.next = next_mark
    walk.since = since
    return 0


cdef void finish(Walk *walk) noexcept:
    global next_mark, walker
    next_mark = walk.next
    PyMem_Free(walk.nodes.items)
    PyMem_Free(walk.leaves.items)
    PyMem_Free(walk.path.items)
    PyMem_Free(walk.numbers)
    walker = 0
    PyThread_release_lock(walking)


cdef int between_walks(str what) except -1:
    if walker == PyThread_get_thread_ident():
        raise RuntimeError(f"{what}, by a signal handler or a trace function")
    return 0


cdef inline int push(Stack *stack, Ref node) except -1:
    if stack.count == stack.room:
        make_room(stack)
    stack.items[stack.count] = node
    stack.count += 1
    return 0


cdef int make_room(Stack *stack) except -1:
    cdef Py_ssize_t room = 2 * stack.room + 64
    cdef Ref *items = <Ref *>PyMem_Realloc(stack.items, room * sizeof(Ref))
    if items is NULL:
        raise MemoryError
    stack.items, stack.room = items, room
    return 0


cdef inline int meet(Walk *walk, Ref operand, bint for_backward) except -1:
    """Put an operand on the path, unless it is a number, was met before, is too old, or a leaf in a backward pass."""
    if Py_TYPE(operand) is &PyFloat_Type or (<Value>operand).mark >= walk.first:
        return 0
    if not for_backward:
        if (<Value>operand).epoch < walk.since:
            walk.older = True
            return 0
    elif (<Value>operand)._op is NULL:
        (<Value>operand).mark = walk.next
        walk.next += 1
        return push(&walk.leaves, operand)
    return push(&walk.path, operand)


cdef inline int visit(Ref root, Walk *walk, bint for_backward) except -1:
    """Add to ``walk.nodes`` what ``root`` depends on, in the order of `reference.topological_order`.

    For a backward pass the gradients of results become 0, and leaves, which pass nothing on, are put into
    ``walk.leaves``. On the path a pointer with its lowest bit set is a node whose operands are all in order.
    """
    cdef Ref node
    cdef Many *many
    cdef Py_ssize_t i
    cdef size_t steps = 0
    meet(walk, root, for_backward)
    while walk.path.count:
        steps += 1
        if steps % STEPS_BETWEEN_SIGNALS == 0:
            PyErr_CheckSignals()
        walk.path.count -= 1
        node = walk.path.items[walk.path.count]
        if <size_t>node & 1:
            push(&walk.nodes, <Ref>(<size_t>node ^ 1))
            continue
        if (<Value>node).mark >= walk.first:
            continue
        (<Value>node).mark = walk.next
        walk.next += 1
        if for_backward:
            (<Value>node)._grad = 0.0
        push(&walk.path, <Ref>(<size_t>node | 1))
        if (<Value>node).x is not NULL:
            if (<Value>node).y is not NULL:
                meet(walk, (<Value>node).y, for_backward)
            meet(walk, (<Value>node).x, for_backward)
        elif (<Value>node).y is not NULL:
            many = <Many *>(<Value>node).y
            for i in range(many.count - 1, -1, -1):
                meet(walk, operands_of(many)[i], for_backward)
    return 0


# The backward pass into `grad`.


cdef inline void add_to(Ref operand, double amount) noexcept:
    if Py_TYPE(operand) is not &PyFloat_Type:
        (<Value>operand)._grad += amount


cdef int pass_on(Walk *walk) except -1:
    cdef Py_ssize_t i, k
    cdef Ref node
    cdef double grad
    cdef Many *many
    for i in range(walk.nodes.count - 1, -1, -1):
        node = walk.nodes.items[i]
        grad = (<Value>node)._grad
        if (<Value>node).x is not NULL:
            add_to((<Value>node).x, grad * (<Value>node).dx)
            if (<Value>node).y is not NULL:
                add_to((<Value>node).y, grad * (<Value>node).dy)
        elif (<Value>node).y is not NULL:
            many = <Many *>(<Value>node).y
            for k in range(many.count):
                add_to(operands_of(many)[k], grad * partials_of(many)[k])
        if <size_t>i % STEPS_BETWEEN_SIGNALS == 0:
            PyErr_CheckSignals()
    return 0


cdef int save_gradients(Walk *walk) except -1:
    cdef Py_ssize_t i
    walk.numbers = <double *>PyMem_Malloc(walk.leaves.count * sizeof(double))
    if walk.numbers is NULL:
        raise MemoryError
    for i in range(walk.leaves.count):
        walk.numbers[i] = (<Value>walk.leaves.items[i])._grad
    return 0


cdef bint all_finite(Walk *walk) noexcept:
    cdef Py_ssize_t i
    for i in range(walk.leaves.count):
        if not isfinite((<Value>walk.leaves.items[i])._grad):
            return False
    return True


cdef void restore_gradients(Walk *walk) noexcept:
    cdef Py_ssize_t i
    for i in range(walk.nodes.count):
        (<Value>walk.nodes.items[i])._grad = 0.0
    for i in range(walk.leaves.count):
        (<Value>walk.leaves.items[i])._grad = walk.numbers[i]


cdef list order_within(Walk *walk, Ref root):
    """The nodes of a backward pass in topological order, leaves among them, for the message of its error."""
    cdef Walk again
    cdef Py_ssize_t i
    memset(&again, 0, sizeof(Walk))
    again.first = again.next = walk.next
    try:
        visit(root, &again, False)
        return [<object>again.nodes.items[i] for i in range(again.nodes.count)]
    finally:
        walk.next = again.next
        PyMem_Free(again.nodes.items)
        PyMem_Free(again.path.items)


# Walks that leave `grad` alone.


def topological_order(root):
    """Every node that ``root`` depends on, operands before results, ``root`` last. No recursion."""
    if not isinstance(root, Value):
        raise TypeError(f"topological_order takes a Value, not {type(root).__name__} {root!r}")
    return order([root])[0]


def order(roots, long long since=0):
    cdef Walk walk
    cdef Py_ssize_t i
    cdef list given = checked_values(roots)
    begin(&walk, since)
    try:
        for root in given:
            visit(<Ref>root, &walk, False)
        return [<object>walk.nodes.items[i] for i in range(walk.nodes.count)], bool(walk.older)
    finally:
        finish(&walk)


cdef int make_numbers(Walk *walk) except -1:
    """One number for each node that was met, 0 at first."""
    walk.numbers = <double *>PyMem_Calloc(walk.next - walk.first, sizeof(double))
    if walk.numbers is NULL:
        raise MemoryError
    return 0


cdef inline double *number_of(Walk *walk, Ref node) noexcept:
    """Where the number of a node is; NULL if the walk did not meet it."""
    if Py_TYPE(node) is &PyFloat_Type or (<Value>node).mark < walk.first:
        return NULL
    return walk.numbers + ((<Value>node).mark - walk.first)


def pull_back(roots, seeds, xs, long long since):
    cdef Walk walk
    cdef Py_ssize_t i, k
    cdef Ref node
    cdef Many *many
    cdef double grad
    cdef double *place
    cdef list given = checked_values(roots), wanted = checked_values(xs), found = []
    cdef list amounts = list(seeds)
    begin(&walk, since)
    try:
        for root in given:
            visit(<Ref>root, &walk, False)
        make_numbers(&walk)
        for i in range(len(given)):
            place = number_of(&walk, <Ref>given[i])
            if place is not NULL:
                place[0] += <double>amounts[i]
        for i in range(walk.nodes.count - 1, -1, -1):
            node = walk.nodes.items[i]
            grad = number_of(&walk, node)[0]
            if (<Value>node).x is not NULL:
                give(&walk, (<Value>node).x, grad * (<Value>node).dx)
                if (<Value>node).y is not NULL:
                    give(&walk, (<Value>node).y, grad * (<Value>node).dy)
            elif (<Value>node).y is not NULL:
                many = <Many *>(<Value>node).y
                for k in range(many.count):
                    give(&walk, operands_of(many)[k], grad * partials_of(many)[k])
            if <size_t>i % STEPS_BETWEEN_SIGNALS == 0:
                PyErr_CheckSignals()
        for x in wanted:
            place = number_of(&walk, <Ref>x)
            found.append(0.0 if place is NULL else place[0])
        return found, bool(walk.older)
    finally:
        finish(&walk)


cdef inline void give(Walk *walk, Ref operand, double amount) noexcept:
    cdef double *place = number_of(walk, operand)
    if place is not NULL:
        place[0] += amount


def push_forward(roots, xs, directions, long long since):
    cdef Walk walk
    cdef Py_ssize_t i, k
    cdef Ref node
    cdef Many *many
    cdef char *varies
    cdef double *place
    cdef list given = checked_values(roots), moved = checked_values(xs), found = []
    cdef list amounts = list(directions)
    begin(&walk, since)
    try:
        for root in given:
            visit(<Ref>root, &walk, False)
        # Behind the tangents one byte for each node: whether it depends on an x, and 2 where it is one.
        walk.numbers = <double *>PyMem_Calloc(walk.next - walk.first, sizeof(double) + 1)
        if walk.numbers is NULL:
            raise MemoryError
        varies = <char *>(walk.numbers + (walk.next - walk.first))
        for i in range(len(moved)):
            place = number_of(&walk, <Ref>moved[i])
            if place is not NULL:
                place[0] = <double>amounts[i]
                varies[place - walk.numbers] = 2
        for i in range(walk.nodes.count):
            node = walk.nodes.items[i]
            place = number_of(&walk, node)
            if varies[place - walk.numbers] == 2:
                continue
            if (<Value>node).x is not NULL:
                receive(&walk, varies, place, (<Value>node).x, (<Value>node).dx)
                if (<Value>node).y is not NULL:
                    receive(&walk, varies, place, (<Value>node).y, (<Value>node).dy)
            elif (<Value>node).y is not NULL:
                many = <Many *>(<Value>node).y
                for k in range(many.count):
                    receive(&walk, varies, place, operands_of(many)[k], partials_of(many)[k])
            if <size_t>i % STEPS_BETWEEN_SIGNALS == 0:
                PyErr_CheckSignals()
        for root in given:
            place = number_of(&walk, <Ref>root)
            found.append(0.0 if place is NULL else place[0])
        return found, bool(walk.older)
    finally:
        finish(&walk)


cdef inline void receive(Walk *walk, char *varies, double *place, Ref operand, double partial) noexcept:
    """Add to a node's tangent that of an operand, if it varies, times the local derivative."""
    cdef double *tangent = number_of(walk, operand)
    if tangent is not NULL and varies[tangent - walk.numbers]:
        place[0] += tangent[0] * partial
        varies[place - walk.numbers] = 1
