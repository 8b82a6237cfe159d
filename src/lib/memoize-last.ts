/** Keeps what was made of the last value until another value comes: for settings that seldom change and are read often. */
export function memoizeLast<T, R>(make: (value: T) => R): (value: T) => R {
  let last: { readonly value: T; readonly made: R } | undefined;
  return (value) => {
    if (last?.value !== value) last = { value, made: make(value) };
    return last.made;
  };
}
