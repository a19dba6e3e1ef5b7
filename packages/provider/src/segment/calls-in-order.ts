/** Runs calls one after the other, in the order in which they came. A call that fails does not stop the next. */
export function createCallsInOrder(): <T>(call: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (call) => {
    const next = last.then(call, call);
    last = next;
    return next;
  };
}
