import { createLinkServer } from '@ogong/host/link/link-server';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { RouterService, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { createTestValidator, ledger, payer } from '@ogong/testing/validator/test-bench';
import { signTestComplaint, toPushMessage } from '@ogong/testing/validator/test-reply';
import { afterEach, describe, expect, it } from 'vitest';
import { openRouter } from '../../bad-days/router-door.ts';
import { serveValidator } from '../../bad-days/validator-door.ts';
import { bigComplaints } from './network/big-complaints.ts';
import { openStrangerLink } from './network/stranger-link.ts';
import { routeSquatting } from './payers/route-squatting.ts';
import { idleLinks } from './providers/idle-links.ts';

const MIB = 1024 * 1024;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Each limit at ten times its load: honest callers are served, the attacker is refused. */
describe.skipIf(process.platform !== 'linux')('servers at ten times their limits', () => {
  it('links: idle ones lock nobody out, neither a known party nor a stranger from elsewhere', async () => {
    const limits = { maxConnections: 32, maxConnectionsPerGroup: 16, maxHandshakes: 64 };
    const [identity, known] = await Promise.all([makeIdentity(1), makeIdentity(2)]);
    const server = createLinkServer({
      identity,
      bind: { host: '127.0.0.1', port: 0 },
      authorize: () => true,
      isKnown: (peer) => equalBytes(peer, known.id),
      routes: (router) => router.service(RouterService, { route: () => ({}) }),
      limits,
    });
    await server.start();
    const door = { endpoint: server.address(), certHash: identity.id };
    const addresses = ['127.0.1.1', '127.0.1.2', '127.0.1.3', '127.0.1.4'];
    const held = await idleLinks.play({ door, links: 10 * limits.maxConnections, addresses });
    closing.push(() => server.stop(0), held.close);
    // Each of them came up once, and had to make room for the next ones.
    expect(held.opened).toBeGreaterThan(limits.maxConnections);
    for (let i = 0; i < 20; i++) {
      const stranger = await openStrangerLink(door, `honest ${i}`, `127.0.2.${i + 1}`);
      closing.push(() => stranger.close());
      await stranger.service(RouterService).route({});
    }
  });

  it('complaints: openings that nobody asked for are not read, and an honest complaint is upheld meanwhile', async () => {
    const validator = createTestValidator();
    const validatorDoor = await serveValidator(validator);
    closing.push(validator.close, validatorDoor.close);
    const client = await validatorDoor.connect(1);
    const service = client.service(ValidatorService);
    const order = validator.order(1);
    await service.admit({ order, consent: order.consent });
    const cheat = validator.serve(order, {
      bend: { row: (row, i) => (i === 7 ? { ...row, rank: (row.rank + 1) % 20 } : row) },
    });
    const push = toPushMessage(cheat.submission);
    await service.pushRecord(push as never);

    const attack = bigComplaints.play({
      ...{ door: validatorDoor.door, certificates: 40, sizeBytes: 4 * MIB, localAddress: '127.0.1.1' },
      order: validator.order(2),
    });
    const told = { order, reason: 'draw-replay', record: cheat.submission.record, opening: cheat.reply.openingBytes };
    const { opening: _, ...complaint } = signTestComplaint(told, { payer, ledger });
    const { wantsOpening } = await service.complain(complaint as never);
    expect(wantsOpening).toBe(true);
    const opening = { opening: cheat.reply.openingBytes };
    expect(await service.proveComplaint({ order: order.order, opening })).toMatchObject({ outcome: 'upheld' });
    // Each order has its opening taken once.
    expect(await service.complain(complaint as never)).toMatchObject({ wantsOpening: false });
    const { askedFor, refusals } = await attack;
    expect(askedFor).toBe(0);
    expect(refusals).toEqual({ unauthorized: 40, 'too-large': 40 });
  });

  it('routes: tickets that nobody uses leave the slots to others', async () => {
    const router = await openRouter();
    closing.push(router.close);
    await router.service.announce(router.announcement());
    const capacity = 4;
    for (const addresses of [['127.0.1.1'], ['127.0.1.2', '127.0.1.3', '127.0.1.4', '127.0.1.5']]) {
      const squatted = { door: router.door, model: FAKE_MODEL, tickets: 10 * capacity, addresses };
      const { tickets } = await routeSquatting.play(squatted);
      expect(tickets).toBeGreaterThan(0);
      expect(tickets).toBeLessThanOrEqual(2 * capacity * addresses.length);
    }
    const { ticket } = await router.service.route(router.route());
    expect(ticket?.ticket.length).toBeGreaterThan(0);
  });
});
