import { createProviderCall } from '@ogong/gateway/buy/provider-call';
import { createKnownSealKeys, type SealPolicy } from '@ogong/gateway/buy/seal/seal-keys';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { systemClock } from '@ogong/host/time/clock';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { createNetwork, ledger, until } from '@ogong/testing/provider/provider-fixture';
import { startTestRelay } from '@ogong/testing/relay/test-relay';
import { afterEach, describe, expect, it } from 'vitest';
import { openRelayTap } from './relay-tap.ts';

const MARKER = 'a marker that no relay may see';
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Calls a provider behind a relay, through a tap that has the keys of gateway and provider. */
async function call(policy: SealPolicy) {
  const relay = await startTestRelay();
  closers.push(() => relay.stop());
  const [provider, gateway] = [await makeIdentity(1), await makeIdentity(2)];
  const tap = await openRelayTap({ port: 0, relay: relay.address(), identities: async () => [provider, gateway] });
  closers.push(() => tap.stop());
  const network = await createNetwork({
    provider: {
      relays: [{ endpoint: { host: '127.0.0.1', port: tap.port }, certHash: relay.peer.certHash, dialPolicy: 'any' }],
      announceIntervalMs: 20,
    },
  });
  closers.push(() => network.close());
  await until(() => network.provider.relays().every(({ isRegistered }) => isRegistered));
  const links = createLinkPool({ identity: gateway, dialPolicy: 'any' });
  closers.push(() => links.close());
  const keys = createKnownSealKeys(policy, { links, clock: systemClock, ledger, machinePolicy: undefined });
  const times = { firstTokenTimeoutMs: 20_000, idleTimeoutMs: 20_000, totalTimeoutMs: 60_000 };
  const calls = createProviderCall(times, { links, sealing: { keys, ledger } });
  const {
    order,
    ticket: signed,
    request,
    endpoint,
  } = network.order({
    body: { messages: [{ role: 'user', content: MARKER }] },
  });
  if (order === undefined || signed === undefined) throw new Error('no order');
  const way = { providerEndpoint: network.provider.endpoint(), providerCertHash: provider.id };
  const match = { ticket: { ...parseTicket(signed.ticket), ...way }, signed, candidates: new Uint8Array() };
  const events = calls.generate({
    ...{ match, order, request, endpoint, beacon: new Uint8Array(), cacheScope: new Uint8Array([1]), maxTokens: 4_096 },
    ...{ topLogprobs: undefined, signal: new AbortController().signal },
  });
  let text = '';
  for (;;) {
    const next = await events.next();
    if (next.done) break;
    text += next.value.text;
  }
  const { line, inside } = tap.take();
  return { text, line: Buffer.from(line), inside: Buffer.from(inside), way: way.providerEndpoint };
}

describe('a tap in front of a relay', () => {
  it('records ciphertext on the line, and sealed messages within TLS', async () => {
    const { text, line, inside, way } = await call('required');
    expect(way).toMatch(/^relay\//);
    expect(text.length).toBeGreaterThan(20);
    expect(line.length).toBeGreaterThan(4_000);
    expect(inside.length).toBeGreaterThan(4_000);
    for (const piece of [MARKER, text.slice(0, 12), text.slice(-12)]) {
      expect(line.includes(piece)).toBe(false);
      expect(inside.includes(piece)).toBe(false);
    }
  });

  it('records the prompt within TLS if nothing is sealed', async () => {
    const { line, inside } = await call('off');
    expect(line.includes(MARKER)).toBe(false);
    expect(inside.includes(MARKER)).toBe(true);
  });
});
