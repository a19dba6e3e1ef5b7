import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPair,
  generateKeyPairSync,
  hash,
  type KeyObject,
  type KeyPairKeyObjectResult,
  randomBytes,
} from 'node:crypto';
import { promisify } from 'node:util';
import { concatBytes, fromHex, utf8Encode } from '@ogong/protocol/base/bytes';
import {
  AEAD_TAG_BYTES,
  CAPSULE_BYTES,
  KEM_KEY_BYTES,
  type KemKey,
  type SealPrimitives,
} from '@ogong/protocol/crypto/seal-primitives';
import { nodeCrypto } from './node-crypto.ts';

const ML_KEM_KEY_BYTES = 1_184;
const ML_KEM_CAPSULE_BYTES = 1_088;
const ML_KEM_SEED_BYTES = 64;
const X25519_BYTES = 32;
/** DER up to the raw bytes of a key. */
const ML_KEM_PUBLIC = fromHex('308204b2300b0609608648016503040402038204a100');
const ML_KEM_SEED = fromHex('3054020100300b06096086480165030404020442' + '8040');
const X25519_PUBLIC = fromHex('302a300506032b656e032100');
const X25519_PRIVATE = fromHex('302e020100300506032b656e04220420');
/** Of X-Wing's combiner. */
const XWING_LABEL = utf8Encode('\\.//^\\');

const HMAC_BYTES = 32;
const NONCE = new Uint8Array(12);
const AEAD = 'chacha20-poly1305';

/** In PEM: from an object with a key in DER or JWK Node throws and catches four errors first, which take longer than OpenSSL. */
const importPublic = (prefix: Uint8Array, raw: Uint8Array): KeyObject =>
  createPublicKey(
    `-----BEGIN PUBLIC KEY-----\n${Buffer.concat([prefix, raw]).toString('base64')}\n-----END PUBLIC KEY-----`,
  );
const importPrivate = (prefix: Uint8Array, raw: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(concatBytes(prefix, raw)), format: 'der', type: 'pkcs8' });
/** As JSON in a tenth of the time that OpenSSL takes for DER. */
const exportJwk = (key: KeyObject, field: 'pub' | 'x'): Uint8Array =>
  toPlainBytes(Buffer.from(key.export({ format: 'jwk' })[field] as string, 'base64url'));
const exportMlKem = (key: KeyObject): Uint8Array => exportJwk(key, 'pub');
const exportPoint = (key: KeyObject): Uint8Array => exportJwk(key, 'x');
const importPoint = (point: Uint8Array): KeyObject => importPublic(X25519_PUBLIC, point);
const toPlainBytes = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

function attempt<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch {
    // OpenSSL throws on malformed keys and capsules, and if a tag does not fit.
    return undefined;
  }
}

/** X-Wing's shared secret out of both halves. */
function combine(halves: {
  readonly mlKem: Uint8Array;
  readonly x25519: Uint8Array;
  readonly capsule: Uint8Array;
  readonly publicKey: Uint8Array;
}): Uint8Array {
  const { mlKem, x25519, capsule, publicKey } = halves;
  return toPlainBytes(hash('sha3-256', concatBytes(mlKem, x25519, capsule, publicKey, XWING_LABEL), 'buffer'));
}

function openKemKey(secret: Uint8Array): KemKey {
  const seed = createHash('shake256', { outputLength: ML_KEM_SEED_BYTES + X25519_BYTES })
    .update(secret)
    .digest();
  const mlKem = importPrivate(ML_KEM_SEED, seed.subarray(0, ML_KEM_SEED_BYTES));
  const x25519 = importPrivate(X25519_PRIVATE, seed.subarray(ML_KEM_SEED_BYTES));
  return createKemKey(
    { publicKey: createPublicKey(mlKem), privateKey: mlKem },
    { publicKey: createPublicKey(x25519), privateKey: x25519 },
  );
}

/** Generates a key that is never made again from a secret, as for one reply. It takes half of the time of openKemKey. */
export const generateKemKey = (): KemKey =>
  createKemKey(generateKeyPairSync('ml-kem-768'), generateKeyPairSync('x25519'));

const makeKeyPair = promisify(generateKeyPair) as (type: string) => Promise<KeyPairKeyObjectResult>;

/** Pause before the stock is refilled. A caller that takes a key has other work first, for which somebody waits. */
const REFILL_MS = 10;

/**
 * Keeps keys of `generateKemKey`, made on other threads ahead of time. Each is used once.
 * @param most number of kept keys; none before the first request.
 * @param makeNow makes a key at once.
 */
export function createKemKeyStock(most: number, makeNow = generateKemKey): () => KemKey {
  const held: KemKey[] = [];
  let coming = 0;
  let isDue = false;

  async function make(): Promise<void> {
    coming++;
    try {
      const [mlKem, x25519] = await Promise.all([makeKeyPair('ml-kem-768'), makeKeyPair('x25519')]);
      held.push(createKemKey(mlKem, x25519));
    } catch {
      // The next caller makes a key, and receives the reason of a failure.
    } finally {
      coming--;
    }
  }

  function fill(): void {
    isDue = false;
    for (let missing = most - held.length - coming; missing > 0; missing--) void make();
  }

  return () => {
    if (!isDue) setTimeout(fill, REFILL_MS).unref();
    isDue = true;
    return held.shift() ?? makeNow();
  };
}

function createKemKey(
  { publicKey, privateKey: mlKem }: KeyPairKeyObjectResult,
  { publicKey: point, privateKey: x25519 }: KeyPairKeyObjectResult,
): KemKey {
  const x25519Public = exportPoint(point);
  return {
    publicKey: concatBytes(exportMlKem(publicKey), x25519Public),
    decapsulate(capsule) {
      if (capsule.length !== CAPSULE_BYTES) return undefined;
      const point = capsule.subarray(ML_KEM_CAPSULE_BYTES);
      return attempt(() =>
        combine({
          mlKem: decapsulate(mlKem, capsule.subarray(0, ML_KEM_CAPSULE_BYTES)),
          x25519: diffieHellman({ privateKey: x25519, publicKey: importPoint(point) }),
          capsule: point,
          publicKey: x25519Public,
        }),
      );
    },
  };
}

interface ReadKey {
  readonly mlKem: KeyObject;
  readonly x25519: KeyObject;
  readonly x25519Public: Uint8Array;
}

/** A provider's key serves many requests, and reading it takes as long as the rest of an encapsulation. Nobody writes to the bytes of a key. */
const readKeys = new WeakMap<Uint8Array, ReadKey>();

/** @throws where OpenSSL finds it malformed. */
function readPublicKey(publicKey: Uint8Array): ReadKey {
  const known = readKeys.get(publicKey);
  if (known !== undefined) return known;
  const x25519Public = publicKey.slice(ML_KEM_KEY_BYTES);
  const read = {
    mlKem: importPublic(ML_KEM_PUBLIC, publicKey.subarray(0, ML_KEM_KEY_BYTES)),
    x25519: importPoint(x25519Public),
    x25519Public,
  };
  readKeys.set(publicKey, read);
  return read;
}

/** Bytes that SHA-256 reads at once. An HMAC key fills them up with zeros, or is hashed if it is longer (RFC 2104). */
const HASH_BLOCK_BYTES = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** Writes an HMAC key under one of the two pads into the first block. */
function writePadded(into: Uint8Array, key: Uint8Array, pad: number): void {
  for (let i = 0; i < HASH_BLOCK_BYTES; i++) into[i] = (key[i] ?? 0) ^ pad;
}

/** Over OpenSSL, for daemons: a thirtieth of the time of `createNobleSeal`. Its randomness is OpenSSL's. */
export const nodeSeal: SealPrimitives = {
  random: (length) => toPlainBytes(randomBytes(length)),
  openKemKey,
  encapsulate: (publicKey) =>
    publicKey.length !== KEM_KEY_BYTES
      ? undefined
      : attempt(() => {
          const { mlKem, x25519, x25519Public } = readPublicKey(publicKey);
          const { sharedKey, ciphertext } = encapsulate(mlKem);
          const own = generateKeyPairSync('x25519');
          const point = exportPoint(own.publicKey);
          const shared = combine({
            mlKem: sharedKey,
            x25519: diffieHellman({ privateKey: own.privateKey, publicKey: x25519 }),
            capsule: point,
            publicKey: x25519Public,
          });
          return { capsule: concatBytes(ciphertext, point), shared };
        }),
  // Two whole hashes take two thirds of the time of OpenSSL's HMAC, which makes a key object and a context for each.
  hmac(key, ...parts) {
    const short = key.length > HASH_BLOCK_BYTES ? nodeCrypto.sha256(key) : key;
    const outer = new Uint8Array(HASH_BLOCK_BYTES + HMAC_BYTES);
    const inner = concatBytes(outer.subarray(0, HASH_BLOCK_BYTES), ...parts);
    writePadded(inner, short, INNER_PAD);
    writePadded(outer, short, OUTER_PAD);
    outer.set(nodeCrypto.sha256(inner), HASH_BLOCK_BYTES);
    return nodeCrypto.sha256(outer);
  },
  encrypt(key, text) {
    const cipher = createCipheriv(AEAD, createSecretKey(key), NONCE, { authTagLength: AEAD_TAG_BYTES });
    return concatBytes(cipher.update(text), cipher.final(), cipher.getAuthTag());
  },
  decrypt(key, sealed) {
    if (sealed.length < AEAD_TAG_BYTES) return undefined;
    return attempt(() => {
      const cipher = createDecipheriv(AEAD, createSecretKey(key), NONCE, { authTagLength: AEAD_TAG_BYTES });
      cipher.setAuthTag(sealed.subarray(-AEAD_TAG_BYTES));
      const text = cipher.update(sealed.subarray(0, -AEAD_TAG_BYTES));
      cipher.final();
      return toPlainBytes(text);
    });
  },
};
