/**
 * What was made of a value, for as long as it is the same value: for settings that seldom change and are asked for often.
 */
export function rememberLast<T, R>(make: (value: T) => R): (value: T) => R {
  let last: { readonly value: T; readonly made: R } | undefined;
  return (value) => {
    if (last?.value !== value) last = { value, made: make(value) };
    return last.made;
  };
}
