/**
 * Kernel paths under which two machines of one class compute the same bits: the class's fourth part. What a class is
 * called proves nothing; that a reply is reproduced does.
 */
const EXACT_PATH = /^exact(?:-[a-z0-9]+)*$/;
const REFERENCE_PATH = 'reference';
const SHAPED_PATH = 'shaped';
/** Weights whose single rows the reference kernels compute otherwise than several at once. */
const FLOAT_WEIGHTS = ['f32', 'f16', 'bf16'];

/** Reads of a class what docs/spec/numeric-class.md says about exactness; a class of another form is not exact. */
export function isExactClass(numericClass: string): boolean {
  const [, , , path = '', weights = '', , ...departures] = numericClass.split('/');
  if (departures.some((departure) => departure.startsWith('window-') || departure === 'unproven')) return false;
  if (path === SHAPED_PATH) return true;
  if (departures.some((departure) => departure === 'no-fa' || departure === 'unified')) return false;
  return EXACT_PATH.test(path) || (path === REFERENCE_PATH && !FLOAT_WEIGHTS.includes(weights));
}
