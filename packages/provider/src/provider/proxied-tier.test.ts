import { createHash, X509Certificate } from 'node:crypto';
import type { MachineReader } from '@ogong/attestation/machine-check';
import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { createUpstreamEngine } from '@ogong/engine/upstream/engine';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { systemClock as clock } from '@ogong/host/time/clock';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import type { Finished } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { encodeVouched, openVouched } from '@ogong/protocol/tier/attestation';
import {
  encodeProxiedAttestation,
  type ProxiedAttestation,
  readAttestation,
  readExchanges,
} from '@ogong/protocol/tier/proxied';
import { getAttestationPart } from '@ogong/protocol/tier/registry';
import { encodeHttpsExchange, type HttpsExchange, parseHttpsExchange } from '@ogong/protocol/tier/testimony';
import {
  OTHER_AUTHORITY,
  TEST_AUTHORITY,
  TEST_SERVER_CERTIFICATES,
  TEST_SERVER_KEY,
} from '@ogong/testing/net/test-authority';
import { checkAttestedRecord } from '@ogong/testing/provider/attested-record';
import { createNetwork, ledger, receive } from '@ogong/testing/provider/provider-fixture';
import { openRelayedCalls } from '@ogong/testing/provider/relayed-calls';
import { softwareMachine, softwarePolicy } from '@ogong/testing/provider/software-machine';
import { type RecordedServer, startRecordedServer } from '@ogong/testing/upstream/recorded-server';
import { afterEach, describe, expect, it } from 'vitest';
import { createShownLink } from '../machine/shown-link.ts';

const MODEL_ID = 'ogong/tee-proxy/test/toy';
const MODEL_ROOT = findNamedRoot(crypto, MODEL_ID) as Uint8Array;
const part = getAttestationPart('tee-proxy');
const shownBy = ({ evidence }: Pick<Finished, 'evidence'>): Uint8Array => evidence.attestation as Uint8Array;
const rootOf = (pem: string): string => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
const trusting: MachinePolicy = { ...softwarePolicy, authorities: [rootOf(TEST_AUTHORITY)] };

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A hosted API over HTTPS, a machine that asks it for callers, and a gateway's calls to it. */
async function open({ isShown = true } = {}) {
  const tls = { cert: TEST_SERVER_CERTIFICATES, key: TEST_SERVER_KEY };
  const server: RecordedServer = await startRecordedServer({
    kind: 'openai',
    key: 'sk-secret',
    ...(isShown && { tls }),
  });
  closing.push(() => server.close());
  const link = isShown ? { link: createShownLink([TEST_AUTHORITY], { crypto, clock }) } : {};
  const address = { address: server.address, readKey: () => 'sk-secret', ...link };
  const engine = await createUpstreamEngine({ ...address, modelRoot: MODEL_ROOT, contextSize: 256 });
  const attester = { kind: 'software' as const, attest: softwareMachine.attest };
  const network = await createNetwork({ realEngine: engine, modelId: MODEL_ID, attester });
  closing.push(network.close);
  const calls = await openRelayedCalls(network, { machinePolicy: trusting });
  closing.push(calls.close);
  let nonce = 0;
  const call = () => calls.call({ body: { messages: [{ role: 'user', content: 'a marker' }] }, nonce: ++nonce });
  return { server, network, call, orders: calls.orders, isSeen: calls.isSeen };
}

describe('a hosted model behind a machine', () => {
  it('is asked over a link that the receipt shows, and nobody on the way sees key or text', async () => {
    const { server, call, orders, isSeen } = await open();
    const { finished, text } = await call();
    expect(text.length).toBeGreaterThan(10);
    expect([isSeen('a marker'), isSeen('sk-secret')]).toEqual([false, false]);
    const record = finished.record as NonNullable<typeof finished.record>;
    const order = orders[0]?.order?.order as Uint8Array;
    const held = { ledger, order, record, attestation: shownBy(finished), modelId: MODEL_ID };
    const policy: MachinePolicy = { ...trusting, upstreams: { test: [server.address] } };
    const reader: MachineReader = { crypto, policy, nowMs: Date.now() + 1_000 };
    const checks = await checkAttestedRecord(held, reader, part);
    expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(checks.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['attested-reply', 'exchange', 'machine', 'server', 'authority', 'upstream']),
    );
    expect(checks.find(({ id }) => id === 'exchange')?.detail).toContain('the vendor alone vouches');
    const attestation = readAttestation(shownBy(finished));
    const { keyWord } = openVouched(shownBy(finished));
    const [exchange] = readExchanges(crypto, attestation.exchanges);
    const asked = server.asked.at(-1)?.body;
    expect(exchange).toMatchObject({ method: 'POST', url: `${server.address}/v1/chat/completions`, status: 200 });
    expect(exchange?.requestHash).toEqual(crypto.sha256(utf8Encode(JSON.stringify(asked))));

    const fails = async (change: Partial<ProxiedAttestation>, by = reader) =>
      (
        await checkAttestedRecord(
          {
            ...held,
            attestation: encodeVouched(keyWord as Uint8Array, encodeProxiedAttestation({ ...attestation, ...change })),
          },
          by,
          part,
        )
      )
        .filter(({ status }) => status === 'fail')
        .map(({ id }) => id);
    const bend = (change: Partial<HttpsExchange>) => {
      const [shown] = attestation.exchanges;
      if (shown === undefined) throw new TypeError('nothing is shown');
      const statement = encodeHttpsExchange({ ...parseHttpsExchange(shown.statement), ...change });
      return { exchanges: [{ ...shown, statement }] };
    };
    // The machine's report names the real exchange, against every other statement.
    for (const change of [{ url: `${server.address}/other` }, { responseHash: new Uint8Array(32) }, { timeMs: 1 }])
      expect(await fails(bend(change))).toEqual(expect.arrayContaining(['machine', 'report-data']));
    expect(await fails(bend({ status: 500 }))).toContain('exchange');
    expect(await fails(bend({ chainHash: new Uint8Array(32) }))).toContain('exchange');
    expect(await fails({}, { ...reader, policy: { ...policy, authorities: [rootOf(OTHER_AUTHORITY)] } })).toEqual([
      'authority',
    ]);
    expect(await fails({}, { ...reader, policy: softwarePolicy })).toEqual(['authority', 'upstream']);
    // A public root vouches for every host. The policy names, by the maker, the host that the machine must ask.
    for (const upstreams of [{ test: ['https://another.test'] }, { other: [server.address] }, undefined])
      expect(await fails({}, { ...reader, policy: { ...trusting, ...(upstreams && { upstreams }) } })).toEqual([
        'upstream',
      ]);
    const renamed = { ...held, modelId: 'ogong/tee-proxy/test/other' };
    const asOther = await checkAttestedRecord(renamed, reader, part);
    expect(asOther.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual(['upstream']);
    expect(await fails(bend({ url: 'https://example.org/v1/chat/completions' }))).toContain('server');
    // The exchange of another reply, and the attestation of a tier that shows none.
    const second = await call();
    const other = readAttestation(shownBy(second.finished));
    expect(await fails({ exchanges: other.exchanges })).toEqual(expect.arrayContaining(['machine', 'report-data']));
    const asTee = await checkAttestedRecord(held, reader, getAttestationPart('tee'));
    const failed = asTee.filter(({ status }) => status === 'fail');
    expect(failed).toMatchObject([{ id: 'attested-reply', detail: expect.stringContaining('cannot be read') }]);
  });

  it('is not served where its link cannot be shown, or no named root vouches for it', async () => {
    const { network } = await open({ isShown: false });
    await expect(receive(network.client, network.order())).rejects.toThrow();
    expect(network.validator.pushed).toEqual([]);
    const tls = { cert: TEST_SERVER_CERTIFICATES, key: TEST_SERVER_KEY };
    const server = await startRecordedServer({ kind: 'openai', tls });
    closing.push(() => server.close());
    const link = createShownLink([OTHER_AUTHORITY], { crypto, clock });
    const opening = createUpstreamEngine({ address: server.address, link, modelRoot: MODEL_ROOT, contextSize: 256 });
    await expect(opening).rejects.toThrow(/cannot be reached|vouches/);
    expect(server.asked).toEqual([]);
  });

  it('shows nothing of an answer that came over another link', () => {
    const link = createShownLink([TEST_AUTHORITY], { crypto, clock });
    expect(() => link.show(new Response(null))).toThrow('another link');
    expect(() => link.fetch('http://127.0.0.1/', {})).toThrow('https');
  });
});
