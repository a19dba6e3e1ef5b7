import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { checkRoleMachine } from '@ogong/attestation/role-check';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLogger } from '@ogong/host/log/logger';
import { toHex } from '@ogong/protocol/base/bytes';
import {
  HandSupplyResponseSchema,
  ListModelsResponseSchema,
  ListOffersResponseSchema,
  RouterService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { computeRoleNonce } from '@ogong/protocol/tier/attested-role';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { softwareMachine, softwarePolicy, strictPolicy } from '@ogong/testing/provider/software-machine';
import { describe, expect, it } from 'vitest';
import { announce, GATEWAY, ledger, MODEL_ID, refusalOf, route, start } from './router-fixture.ts';

const beacon = { epoch: 5n, value: new Uint8Array(32).fill(6) };

describe('a router in a machine', () => {
  it('shows evidence for its ticket key and its certificate, and answers what it is asked', async () => {
    const opened = await start({}, [], {}, { attester: softwareMachine });
    const gateway = await opened.connect(GATEWAY);
    const certHash = (await makeIdentity(40)).id;
    const nonce = computeRoleNonce(crypto, { epoch: beacon.epoch, beacon: beacon.value, certHash });
    const { nodeId, evidence } = await gateway.service(RouterService).getEvidence({ nonce });
    expect(nodeId).toEqual(opened.router().id);
    const reader = { crypto, policy: softwarePolicy, nowMs: Date.now() };
    const keys = { role: 'router', ledger, nodeId, certHash, evidence } as const;
    expect((await checkRoleMachine(keys, beacon, reader)).status).toBe('pass');
    for (const [claim, epoch, by] of [
      [{ ...keys, nodeId: new Uint8Array(32) }, beacon, reader],
      [{ ...keys, certHash: new Uint8Array(32) }, beacon, reader],
      [{ ...keys, role: 'validator' as const }, beacon, reader],
      [keys, { ...beacon, epoch: 6n }, reader],
      [keys, beacon, { ...reader, policy: strictPolicy }],
    ] as const)
      expect((await checkRoleMachine(claim, epoch, by)).status).toBe('fail');
    const asked = gateway.service(RouterService).getEvidence({ nonce: new Uint8Array(31) });
    expect((await refusalOf(asked)).refusal).toBe('invalid');
  });

  it('is none where it has no attester', async () => {
    const gateway = await (await start()).connect(GATEWAY);
    const asked = gateway.service(RouterService).getEvidence({ nonce: new Uint8Array(32) });
    expect((await refusalOf(asked)).refusal).toBe('unsupported');
  });

  it('keeps and hands on nothing of who asked for what', async () => {
    const lines: string[] = [];
    const log = createLogger({ name: 'test', level: 'debug', destination: { write: (line) => void lines.push(line) } });
    const opened = await start({}, [], {}, { attester: softwareMachine, log });
    await announce(opened, 1);
    const gateway = await opened.connect(GATEWAY);
    const { request, ticket, candidates } = await route(gateway);
    const other = (await opened.connect(77)).service(RouterService);
    const told = [
      candidates,
      toBinary(ListOffersResponseSchema, await other.listOffers({ model: MODEL_ID })),
      toBinary(ListModelsResponseSchema, await other.listModels({})),
      toBinary(HandSupplyResponseSchema, await other.handSupply({ held: new Uint8Array() })),
    ];
    const { replyId } = request;
    const report = { replyId, providerId: ticket.providerId, outcome: 'ok', outputTokens: 9, durationMs: 900 };
    await gateway.service(RouterService).report({ ...report, firstTokenMs: 5 });
    const { path } = opened.store();
    const kept = readdirSync(dirname(path)).map((name) => readFileSync(join(dirname(path), name)));
    const seen = Buffer.concat([...told, ...kept, Buffer.from(lines.join(''))]);
    const { id } = await makeIdentity(GATEWAY);
    // The search finds what is there: a provider that is listed, and in the store the one who announced it.
    expect(seen.includes(Buffer.from(ticket.providerId))).toBe(true);
    for (const secret of [id, replyId]) {
      expect(seen.includes(Buffer.from(secret))).toBe(false);
      expect(seen.includes(toHex(secret))).toBe(false);
      expect(seen.includes(Buffer.from(secret).toString('base64').slice(0, 16))).toBe(false);
    }
    // Its signature for the provider names the reply, as the order does, and not the caller.
    expect(
      JSON.stringify(ticket, (_, value) => (value instanceof Uint8Array ? toHex(value) : String(value))),
    ).not.toContain(toHex(id));
  });
});
