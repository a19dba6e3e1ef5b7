import type { Profiler } from 'node:inspector';

/** Processor time of one kind of work, as a part of all that the thread spent awake. */
export interface KindShare {
  readonly kind: string;
  /** 0 to 1. */
  readonly share: number;
}

/** A sample that waited for a core would count the wait. */
const MAX_SAMPLE_US = 3_000;

/** By the name of a native function, and of the functions that called it; the first match counts. */
const NATIVE_CRYPTO: readonly (readonly [RegExp, string])[] = [
  [/secp256k1|ecdsa|recoverAddress|signDigest/i, 'secp256k1'],
  [/verifyOneShot|signOneShot|SignJob|verifyEd25519|verifyMlDsa|signHybrid|Sign\b|Verify\b/, 'Ed25519 and ML-DSA'],
  [/encapsulate|decapsulate|diffieHellman|generateKey|KeyPair|DHBits|KEM/i, 'ML-KEM and X25519'],
  [/cipher|aes|gcm/i, 'AES'],
  [/KeyObject|createPublicKey|createPrivateKey|exportKey|handle|rawKey|init/i, 'key objects'],
  [/hash|digest|hmac|hkdf|sha|keccak|permute|randomFill/i, 'hashes'],
];

/** By the file of a function; the first match counts. */
const PLACES: readonly (readonly [RegExp, string])[] = [
  [/\/packages\/host\/src\/store\/|\/books\/|\/src\/store\/|-store\.ts$|node:sqlite/, 'books and stores'],
  [/\/crypto\/|node:internal\/crypto|@noble|node_modules\/secp256k1|sealing\/|wasm/, 'cryptography'],
  [
    /\/packages\/host\/src\/http\/|node_modules\/hono|@hono|node:_http|node:internal\/webstreams|undici|\/front\//,
    'HTTP front',
  ],
  [/\/packages\/host\/src\/link\/|@connectrpc|node:(?:internal\/)?(?:http2|tls|net)|_tls_/, 'links'],
  [/@bufbuild|\/protocol\/src\/(?:base|generated)\//, 'encoding and decoding'],
  [/node:internal\/child_process|\/packages\/engine\/src\/process\//, 'messages between processes'],
  [/node:(?:internal\/)?(?:streams?|fs|buffer)/, 'streams, files and buffers'],
  [/node:/, 'event loop and timers'],
  [/\/packages\/protocol\//, 'commitments and checks'],
];

/**
 * Sums a profile by kinds of work, largest first. Idle time is left out.
 * @param skipMs of the profile's begin that are left out, too.
 */
export function computeShares({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile, skipMs = 0): KindShare[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const callersOf = (id: number): Profiler.ProfileNode[] => {
    const callers: Profiler.ProfileNode[] = [];
    for (let at = parents.get(id); at !== undefined; at = parents.get(at)) {
      callers.push(byId.get(at) as Profiler.ProfileNode);
    }
    return callers;
  };
  const kinds = new Map<number, string | undefined>();
  const sums = new Map<string, number>();
  let [all, passedUs] = [0, 0];
  for (const [index, id] of samples.entries()) {
    const deltaUs = timeDeltas[index] ?? 0;
    passedUs += deltaUs;
    if (passedUs < 1_000 * skipMs) continue;
    const node = byId.get(id) as Profiler.ProfileNode;
    if (!kinds.has(id)) kinds.set(id, nameKind(node, callersOf(id)));
    const kind = kinds.get(id);
    if (kind === undefined) continue;
    const us = Math.min(deltaUs, MAX_SAMPLE_US);
    sums.set(kind, (sums.get(kind) ?? 0) + us);
    all += us;
  }
  return [...sums].map(([kind, us]) => ({ kind, share: us / all })).sort((a, b) => b.share - a.share);
}

/** @returns undefined for idle time. */
function nameKind({ callFrame }: Profiler.ProfileNode, callers: readonly Profiler.ProfileNode[]): string | undefined {
  if (callFrame.functionName === '(idle)') return undefined;
  if (callFrame.functionName === '(garbage collector)') return 'garbage collection';
  if (callFrame.functionName === '(program)') return 'native code without a caller';
  const frames = [callFrame, ...callers.map((caller) => caller.callFrame)];
  // A native function is work of the code that calls it.
  const placed = frames.findIndex(({ url }) => url !== '');
  if (placed === -1) return 'event loop and timers';
  const { url } = frames[placed] as Profiler.ProfileNode['callFrame'];
  const kind = PLACES.find(([place]) => place.test(url))?.[1];
  if (kind !== 'cryptography') return kind ?? `own logic of ${/\/packages\/([^/]+)\//.exec(url)?.[1] ?? 'others'}`;
  const names = frames
    .slice(0, placed + 3)
    .map(({ functionName, url: file }) => `${functionName} ${file.split('/').at(-1)}`);
  for (const name of names) {
    const found = NATIVE_CRYPTO.find(([pattern]) => pattern.test(name));
    if (found) return found[1];
  }
  return 'other cryptography';
}
