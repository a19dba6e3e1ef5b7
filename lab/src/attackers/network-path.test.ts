import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFakeEngine } from '@ogong/engine/fake';
import { nodeCrypto as crypto } from '@ogong/node/crypto/node-crypto';
import { createNetwork, ledger, network, payee, receive } from '@ogong/node/roles/provider/provider-fixture';
import { createOpenings } from '@ogong/node/roles/provider/provider-store';
import { createGroupCommit } from '@ogong/node/store/group-commit';
import { utf8Encode } from '@ogong/protocol/bytes';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseHeader } from '@ogong/protocol/header';
import { verifyReceipt } from '@ogong/protocol/verify-receipt';
import { afterAll, describe, expect, it } from 'vitest';
import type { AttackDefinition } from './attack.ts';
import { bendCommit } from './bend-commit.ts';
import { findAttack } from './catalogue.ts';
import { createEvidenceKeeper } from './served-evidence.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-attack-path-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The provider role over real links, on an attacker's parts. */
async function serveOne(definition: AttackDefinition) {
  const engine = createFakeEngine({ weights: 1, contextSize: 512 });
  const cheapEngine = createFakeEngine({ weights: 2, contextSize: 512 });
  const attack = definition.create({ engine, ...(definition.cheap ? { cheapEngine } : {}) });
  const keeper = createEvidenceKeeper(directory);
  const open = await createNetwork({
    realEngine: attack.engine,
    commit: bendCommit(attack),
    openings: (store) => keeper.bendOpenings(createOpenings(store, createGroupCommit(store)), attack),
  });
  try {
    const message = open.order({ body: { max_tokens: 80 } });
    const { text, finished } = await receive(open.client, message);
    const header = parseHeader(finished.header);
    const provider = open.client.service(ProviderService);
    const opening = await provider.getOpening({ replyId: new Uint8Array(16).fill(1) }).then(
      ({ opening: bytes }) => bytes,
      () => undefined,
    );
    if (opening === undefined) return { header, failed: ['opening'] };
    const { record } = finished;
    const verdict = verifyReceipt(
      {
        endpoint: 'chat',
        ledger,
        order: { bytes: message.order!.order, signature: message.order!.signature },
        ticket: {
          bytes: message.ticket!.ticket,
          publicKey: message.ticket!.routerKey,
          signature: message.ticket!.signature,
        },
        record: { bytes: record!.record, publicKey: record!.providerKey, signature: record!.signature },
        beacon: new Uint8Array(0),
        opening: { bytes: opening },
      },
      {
        crypto,
        request: message.request,
        response: utf8Encode(text),
        trust: { ledger, settlement: network.settlement },
        nowMs: Date.now(),
      },
    );
    return { header, failed: verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
  } finally {
    await open.close();
    await cheapEngine.close();
  }
}

describe('an attack as a provider on the network', () => {
  it.each([
    ['substitute', []],
    ['prefill', ['draw-replay']],
    ['massaged-q4-0', []],
    ['renamed-candidates', ['draw-replay']],
    ['greedy-as-sampled', ['listing', 'draw-replay']],
    ['grind-nonce', ['draw-replay', 'draw-key']],
    ['early-cancelled', ['stop-strings']],
    ['sketch-not-a-number', ['commitment-form']],
    ['window-missing', ['token-count']],
    ['header-sampler', ['listing', 'draw-replay', 'sampler']],
    ['header-bank', ['sketch-bank']],
    ['withhold-cheated', ['opening']],
  ] as const)('%s: its receipt fails in %j', async (name, expected) => {
    const { failed, header } = await serveOne(findAttack(name));
    expect(failed).toEqual(expected);
    expect(header.payee).toEqual(payee);
  });

  it('signs the header that it was bent to', async () => {
    const { header } = await serveOne(findAttack('header-adapter'));
    expect(header.adapters).toHaveLength(1);
  });
});
