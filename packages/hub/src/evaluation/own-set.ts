import { fileURLToPath } from 'node:url';

/** The set that comes with this package: thirty short questions under CC0-1.0. */
export const OWN_SET: string = fileURLToPath(new URL('../../sets/basics.jsonl', import.meta.url));
