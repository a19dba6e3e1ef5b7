import { Secret } from '@ogong/host/crypto/secret';
import type { EmbeddedMemory } from '@ogong/memory/memory';
import { deriveMasterKey } from '@ogong/memory/seal/master-key';
import { type SealedPlace, sealValue } from '@ogong/memory/seal/sealed-box';
import { hashNoteName } from '@ogong/memory/store/changes';
import { encodeEvidence, encodeMemory, encodeMemoryJson } from '@ogong/memory/store/row-contents';
import { toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { pad, padUnit } from '@ogong/protocol/sealing/padding';
import { createTestMemory } from './memory-fixture.ts';

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const USER = 'ann@example.org';
const USER_ID = '0a'.repeat(16);
const USER_KEY = fill(32, 2);

/** A key or a content, sealed with a nonce of equal bytes. */
function describeSealed(key: Uint8Array, place: SealedPlace, value: Uint8Array, nonce: number) {
  const { kind, userId, id } = place;
  return {
    ...{ key: toHex(key), kind, userId, id, value: toHex(value) },
    sealed: toHex(sealValue(key, place, value, fill(24, nonce))),
  };
}

function describeRow(kind: string, id: string, content: Uint8Array) {
  const rowKey = fill(32, 3);
  return {
    content: toHex(content),
    wrapped: describeSealed(USER_KEY, { kind: `${kind}-key`, userId: USER_ID, id }, rowKey, 12),
    row: describeSealed(rowKey, { kind, userId: USER_ID, id }, pad(content, padUnit), 13),
  };
}

/** Creates the keys and rows of one user of a store of memories. */
export function createMemoryVectors() {
  const secret = fill(32, 1);
  const master = deriveMasterKey(new Secret(secret));
  const nameHash = master.hashName(USER);
  const { memory }: EmbeddedMemory = createTestMemory({
    ...{ id: '0b'.repeat(16), text: 'drinks tea — daily', metadata: { tags: ['tea'] } },
    quote: { words: 'I drink tea', role: 'user', message: 1, messageHash: '0c'.repeat(32) },
    evidence: { extraction: '0d'.repeat(32), embedding: '0e'.repeat(32), update: undefined },
  });
  const embedded = { memory, vector: new Float32Array([0.6, -0.8]), embeddingModel: 'embed' };
  const call = {
    id: '0d'.repeat(32),
    endpoint: 'chat',
    model: 'm',
    receipt: fill(3, 4),
    request: fill(2, 5),
    response: fill(1, 6),
  };
  const note = 'Ann drinks tea.';
  return {
    master: { secret: toHex(secret), wrapping: toHex(master.wrapping.reveal()), user: USER, nameHash },
    vault: describeSealed(master.wrapping.reveal(), { kind: 'vault', userId: '', id: '' }, fill(32, 9), 10),
    userKey: describeSealed(
      master.wrapping.reveal(),
      { kind: 'user-key', userId: USER_ID, id: nameHash },
      USER_KEY,
      11,
    ),
    userName: describeSealed(
      USER_KEY,
      { kind: 'user-name', userId: USER_ID, id: '' },
      pad(utf8Encode(USER), padUnit),
      14,
    ),
    memory: { json: utf8Decode(encodeMemoryJson(memory)), ...describeRow('memory', memory.id, encodeMemory(embedded)) },
    evidence: describeRow('evidence', call.id, encodeEvidence(call)),
    note: {
      name: 'bio',
      text: note,
      ...describeRow('note', hashNoteName({ userId: USER_ID, key: USER_KEY }, 'bio'), utf8Encode(note)),
    },
  };
}
