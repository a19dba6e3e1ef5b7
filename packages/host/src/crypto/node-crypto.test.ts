import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { hashHybridKey, verifyHybrid } from '@ogong/protocol/crypto/hybrid';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto } from '@ogong/protocol/crypto/noble';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from './node-crypto.ts';
import { createNodeHybridSigner, createNodeLedgerSigner } from './signers.ts';

const bytes = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) & 0xff);
const message = utf8Encode('an answer');
const SIGNERS = { node: createNodeHybridSigner, noble: createNobleHybridSigner };
const CRYPTOS = { node: nodeCrypto, noble: nobleCrypto };

describe('hashes', () => {
  it.each([0, 1, 31, 32, 64, 1000, 2043, 2044, 9000])('agree with noble on %i bytes, whole and in parts', (length) => {
    const data = bytes(length, 1);
    expect(nodeCrypto.sha256(data)).toEqual(nobleCrypto.sha256(data));
    expect(nodeCrypto.sha256(data, message, data)).toEqual(nobleCrypto.sha256(data, message, data));
    expect(nodeCrypto.keccak256(data)).toEqual(nobleCrypto.keccak256(data));
  });

  it('give plain bytes, also of nothing', () => {
    expect(Object.getPrototypeOf(nodeCrypto.sha256())).toBe(Uint8Array.prototype);
    expect(toHex(nodeCrypto.sha256())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });
});

describe('hybrid signatures', () => {
  it('derives the same key from a seed as noble', () => {
    const keys = [1, 2, 3].map((n) => bytes(64, n));
    expect(keys.map((key) => createNodeHybridSigner(key).publicKey)).toEqual(
      keys.map((key) => createNobleHybridSigner(key).publicKey),
    );
    const { publicKey } = createNodeHybridSigner(bytes(64, 1));
    expect(hashHybridKey(nodeCrypto, publicKey)).toEqual(hashHybridKey(nobleCrypto, publicKey));
  });

  describe.each(Object.entries(SIGNERS))('signed by %s', (_signer, createSigner) => {
    it.each(Object.entries(CRYPTOS))('verify under %s, and nothing else does', (_name, crypto) => {
      const signer = createSigner(bytes(64, 7));
      const { publicKey } = signer;
      const signature = signer.sign(message);
      expect(verifyHybrid(crypto, { publicKey, message, signature })).toBe(true);
      expect(verifyHybrid(crypto, { publicKey, message: utf8Encode('an answer!'), signature })).toBe(false);
      expect(verifyHybrid(crypto, { publicKey: createSigner(bytes(64, 8)).publicKey, message, signature })).toBe(false);
      for (const index of [0, 63, 64, 2483]) {
        const broken = signature.slice();
        broken[index] = (broken[index] as number) ^ 1;
        expect(verifyHybrid(crypto, { publicKey, message, signature: broken })).toBe(false);
      }
      expect(verifyHybrid(crypto, { publicKey, message, signature: signature.subarray(1) })).toBe(false);
    });
  });

  it('made on another thread holds as one that was made here', async () => {
    const { publicKey, sign, signAside } = createNodeHybridSigner(bytes(64, 7));
    const signature = (await signAside?.(message)) as Uint8Array;
    expect(Object.getPrototypeOf(signature)).toBe(Uint8Array.prototype);
    // Ed25519 is deterministic, ML-DSA is hedged.
    expect(signature.subarray(0, 64)).toEqual(sign(message).subarray(0, 64));
    expect(verifyHybrid(nodeCrypto, { publicKey, message, signature })).toBe(true);
    expect(verifyHybrid(nodeCrypto, { publicKey, message: utf8Encode('an answer!'), signature })).toBe(false);
  });

  it('leaves the bytes that it verifies as they are, of a Buffer too, whose slices are views', () => {
    for (const n of [1, 2, 3, 4]) {
      const signer = createNodeHybridSigner(bytes(64, n));
      const all = Buffer.concat([signer.publicKey, signer.sign(message)]);
      const [publicKey, signature] = [all.subarray(0, signer.publicKey.length), all.subarray(signer.publicKey.length)];
      const before = toHex(all);
      expect(verifyHybrid(nodeCrypto, { publicKey, message, signature })).toBe(true);
      expect(toHex(all)).toBe(before);
    }
  });

  it('refuses a seed of another length', () => {
    expect(() => createNodeHybridSigner(bytes(63, 1))).toThrow(/64 bytes/);
  });
});

describe('strict Ed25519', () => {
  const order8 = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
  const { Point } = ed25519;

  it('accepts nothing under a key of small order, for which OpenSSL takes forgeries', () => {
    let torsion = Point.ZERO;
    for (let i = 0; i < 8; i++) {
      const publicKey = torsion.toBytes();
      for (let nonce = 1n; nonce < 9n; nonce++) {
        // R = B * nonce, S = nonce: valid whenever k * A vanishes.
        const s = new Uint8Array(32);
        s[0] = Number(nonce);
        const signature = new Uint8Array([...Point.BASE.multiply(nonce).toBytes(), ...s]);
        expect(nodeCrypto.verifyEd25519(signature, message, publicKey)).toBe(false);
        expect(nobleCrypto.verifyEd25519(signature, message, publicKey)).toBe(false);
      }
      torsion = torsion.add(order8);
    }
  });

  it('accepts no key that is not reduced', () => {
    // y = 2^255 - 19 + 1 encodes the same point as y = 1.
    for (const low of [0xed, 0xee, 0xff]) {
      for (const high of [0x7f, 0xff]) {
        const publicKey = new Uint8Array(32).fill(0xff);
        publicKey[0] = low;
        publicKey[31] = high;
        const signature = new Uint8Array(64);
        signature[0] = 1;
        expect(nodeCrypto.verifyEd25519(signature, message, publicKey)).toBe(false);
        expect(nobleCrypto.verifyEd25519(signature, message, publicKey)).toBe(false);
      }
    }
  });

  interface Vector {
    readonly what: string;
    readonly publicKey: string;
    readonly message: string;
    readonly signature: string;
    readonly isValid: boolean;
  }
  const file = new URL('../../../protocol/vectors/ed25519.json', import.meta.url);
  const vectors = JSON.parse(readFileSync(file, 'utf8')) as readonly Vector[];

  it.each(Object.entries(CRYPTOS))('is the rule of the vectors under %s', (_name, crypto) => {
    for (const { what, publicKey, message: signed, signature, isValid } of vectors) {
      expect(crypto.verifyEd25519(fromHex(signature), fromHex(signed), fromHex(publicKey)), what).toBe(isValid);
    }
    expect(vectors.filter(({ isValid }) => isValid).length).toBeGreaterThan(5);
    expect(vectors.filter(({ isValid }) => !isValid).length).toBeGreaterThan(100);
  });

  it('accepts exactly the solutions of the equation without cofactor, with neither key nor R of small order', () => {
    for (const { what, publicKey, message: signed, signature, isValid } of vectors) {
      if (/not reduced|sign|higher/.test(what)) continue;
      const [r, s] = [signature.slice(0, 64), fromHex(signature.slice(64))];
      const key = Point.fromHex(publicKey);
      const k = BigInt(`0x${toHex(sha512Reversed(fromHex(r), fromHex(publicKey), fromHex(signed)))}`) % Point.Fn.ORDER;
      const scalar = BigInt(`0x${toHex(s.toReversed())}`);
      const sum = Point.fromHex(r).add(key.multiplyUnsafe(k));
      const holds = Point.BASE.multiplyUnsafe(scalar).equals(sum);
      expect(holds && !key.isSmallOrder() && !Point.fromHex(r).isSmallOrder(), what).toBe(isValid);
    }
  });

  it('accepts no signature whose R carries a point of small order', () => {
    // The signer adds torsion to R: the cofactored equation holds, the cofactorless one does not.
    const secret = bytes(32, 5);
    const { scalar, point } = ed25519.utils.getExtendedPublicKey(secret);
    const publicKey = point.toBytes();
    const nonce = 12345n;
    const R = Point.BASE.multiply(nonce).add(order8).toBytes();
    const k = BigInt(`0x${toHex(sha512Reversed(R, publicKey, message))}`) % Point.Fn.ORDER;
    const s = Point.Fn.toBytes(Point.Fn.create(nonce + k * scalar));
    const signature = new Uint8Array([...R, ...s]);
    expect(ed25519.verify(signature, message, publicKey, { zip215: true })).toBe(true);
    expect(nodeCrypto.verifyEd25519(signature, message, publicKey)).toBe(false);
  });
});

describe('ledger signatures', () => {
  it('recover their signer, high s and other digests do not', () => {
    const key = bytes(32, 9);
    const signer = createNodeLedgerSigner(key);
    const digest = nodeCrypto.keccak256(message);
    const signature = signer.signDigest(digest);
    expect(signature).toEqual(createNobleLedgerSigner(key).signDigest(digest));
    expect(nodeCrypto.recoverAddress(digest, signature)).toEqual(signer.address);
    const other = nodeCrypto.keccak256(utf8Encode('another answer'));
    expect(nodeCrypto.recoverAddress(other, signature)).not.toEqual(signer.address);
    expect(nodeCrypto.recoverAddress(digest, signature.subarray(0, 64))).toBeUndefined();
  });
});

describe('Wycheproof', () => {
  const vectors = new URL('../../../../../shared/vectors/wycheproof/', import.meta.url);

  interface Case {
    readonly tcId: number;
    readonly msg: string;
    readonly sig: string;
    readonly ctx?: string;
    readonly result: 'valid' | 'invalid' | 'acceptable';
  }
  interface Group {
    readonly publicKey: string | { readonly pk?: string; readonly uncompressed?: string };
    readonly tests: readonly Case[];
  }

  function read(file: string): readonly Group[] | undefined {
    try {
      return JSON.parse(readFileSync(new URL(file, vectors), 'utf8')).testGroups;
    } catch {
      return undefined;
    }
  }

  const ed = read('ed25519_test.json');
  it.skipIf(!ed)(`Ed25519${ed ? '' : ' (vectors absent)'}`, () => {
    let count = 0;
    for (const group of ed ?? []) {
      const publicKey = fromHex((group.publicKey as { pk: string }).pk);
      for (const { tcId, msg, sig, result } of group.tests) {
        for (const [name, crypto] of Object.entries(CRYPTOS)) {
          const accepted = crypto.verifyEd25519(fromHex(sig), fromHex(msg), publicKey);
          expect(accepted, `${name} case ${tcId}`).toBe(result === 'valid');
        }
        count++;
      }
    }
    expect(count).toBeGreaterThan(100);
  });

  const mlDsa = read('mldsa_44_verify_test.json');
  it.skipIf(!mlDsa)(`ML-DSA-44${mlDsa ? '' : ' (vectors absent)'}`, () => {
    let count = 0;
    for (const group of mlDsa ?? []) {
      for (const { tcId, msg, sig, ctx, result } of group.tests) {
        if (ctx) continue; // the protocol signs with the empty context only
        const accepted = nodeCrypto.verifyMlDsa44(fromHex(sig), fromHex(msg), fromHex(group.publicKey as string));
        expect(accepted, `case ${tcId}`).toBe(result === 'valid');
        count++;
      }
    }
    expect(count).toBeGreaterThan(100);
  });

  const ecdsa = read('ecdsa_secp256k1_sha256_p1363_test.json');
  it.skipIf(!ecdsa)(`secp256k1 recovery${ecdsa ? '' : ' (vectors absent)'}`, () => {
    const halfOrder = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;
    let valid = 0;
    for (const group of ecdsa ?? []) {
      const point = fromHex((group.publicKey as { uncompressed: string }).uncompressed);
      const address = toHex(nodeCrypto.keccak256(point.subarray(1)).subarray(12));
      for (const { tcId, msg, sig, result } of group.tests) {
        const digest = nodeCrypto.sha256(fromHex(msg));
        const recovered = [27, 28].map((v) => nodeCrypto.recoverAddress(digest, new Uint8Array([...fromHex(sig), v])));
        const accepted = recovered.some((found) => found && toHex(found) === address);
        const isLowS = sig.length === 128 && BigInt(`0x${sig.slice(64)}`) <= halfOrder;
        expect(accepted, `case ${tcId}`).toBe(result === 'valid' && isLowS);
        if (accepted) valid++;
      }
    }
    expect(valid).toBeGreaterThan(30);
  });
});

/** SHA-512, byte order reversed: Ed25519 reads its hashes little endian. */
function sha512Reversed(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(hash('sha512', Buffer.concat(parts), 'buffer')).reverse();
}
