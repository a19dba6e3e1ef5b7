import { expect, it } from 'vitest';
import vectors from '../../vectors/signer.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { signerRequestFormat, signerResponseFormat } from './signer-message.ts';
import { hashStatement } from './validator-statement.ts';

it.each(vectors.statements)('a request to sign a $kind contains the whole statement', ({ kind, request, digest }) => {
  const read = signerRequestFormat.decode(fromHex(request));
  if (read.kind !== 'sign') throw new Error('no request to sign');
  expect(read.statement.kind).toBe(kind);
  expect(toHex(hashStatement(nobleCrypto, read.statement, fromHex(vectors.signingKey)))).toBe(digest);
  expect(toHex(signerRequestFormat.encode(read))).toBe(request);
  for (const cut of [fromHex(request).subarray(1), fromHex(`${request}00`), fromHex(request).subarray(0, -1)]) {
    expect(() => signerRequestFormat.decode(cut)).toThrow();
  }
});

it('every answer is parsed as it was written', () => {
  const kinds = vectors.answers.map(({ response }) => signerResponseFormat.decode(fromHex(response)).kind);
  expect(kinds).toEqual(vectors.answers.map(({ kind }) => kind));
  expect(signerRequestFormat.decode(fromHex(vectors.describe))).toEqual({ kind: 'describe' });
});
