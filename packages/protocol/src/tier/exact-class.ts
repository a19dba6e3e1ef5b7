import { repeatsClass } from './lane-class.ts';

/**
 * Kernel paths under which two machines of one class compute the same bits: the class's fourth part. The name of a class proves
 * nothing; only a reproduced reply does.
 */
const EXACT_PATH = /^exact(?:-[a-z0-9]+)*$/;
/** Prompts on tiled kernels, which reproduce themselves over these caches. */
const TILED_PATHS = ['exact-tiled', 'exact-tiled-2'];
const TILED_CACHES = ['kv-f16', 'kv-f32'];
const REFERENCE_PATH = 'reference';
const SHAPED_PATH = 'shaped';
/** For these weights the reference kernels compute a single row differently from several rows. */
const FLOAT_WEIGHTS = ['f32', 'f16', 'bf16'];

/** Reads of a class what docs/spec/numeric-class.md says about exactness; a class of another form is not exact. */
export function isExactClass(numericClass: string): boolean {
  const [, , , path = '', weights = '', cache = '', ...departures] = numericClass.split('/');
  if (departures.some((departure) => departure.startsWith('window-') || departure === 'unproven')) return false;
  if (path === SHAPED_PATH) return true;
  if (departures.some((departure) => departure === 'no-fa' || departure === 'unified')) return false;
  if (TILED_PATHS.includes(path) && !TILED_CACHES.includes(cache)) return false;
  return EXACT_PATH.test(path) || (path === REFERENCE_PATH && !FLOAT_WEIGHTS.includes(weights));
}

/**
 * Returns whether equality decides about a report. It does if the report was made in the reply's class, that class is exact by its
 * name, and the verifier could reproduce it. In another class honest machines may differ, so a bit that differs proves nothing.
 */
export function isEqualityDue(
  report: { readonly exact: boolean; readonly numericClass: string },
  header: { readonly numericClass: string },
): boolean {
  return report.exact && report.numericClass === header.numericClass && isExactClass(header.numericClass);
}

/**
 * Returns whether a verifier denies its own class. It has signed for the reply's exact class, and now claims that it cannot repeat a
 * reply to the bit. Then its report would be compared by scores, which a nearly lossless model passes.
 */
export function isClassDenied(
  header: { readonly numericClass: string } | undefined,
  claim: { readonly isExact: boolean; readonly numericClass: string },
  endorsedClass: string | undefined,
): boolean {
  if (endorsedClass === undefined || header === undefined || !isExactClass(endorsedClass)) return false;
  const { numericClass } = header;
  if (!repeatsClass(endorsedClass, numericClass)) return false;
  return claim.numericClass !== numericClass || !claim.isExact;
}
