import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { createHttpServer } from '@ogong/host/http/http-server';
import type { LinkClient } from '@ogong/host/link/link-client';
import { createLinkServer } from '@ogong/host/link/link-server';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { type AttackedDoor, openStrangerLink } from '../../attackers/protocol/network/stranger-link.ts';
import { routeSquatting } from '../../attackers/protocol/payers/route-squatting.ts';
import { idleLinks } from '../../attackers/protocol/providers/idle-links.ts';
import { openRouter } from '../../bad-days/router-door.ts';
import { TAKING_SCENES } from '../../doors/catalogue.ts';
import { measureInTurn, pairedRatio, type Row } from '../row.ts';
import { measureFloods } from './flood-rows.ts';

const ROUNDS = 7;
const LINKS = 128;
const SLOTS = 4;
const CALLERS = 8;
const CALLS = 100;
const AIM = { at: 'least', value: 0.9 } as const;

/** Measures the throughput of honest callers while an attacker keeps an entry point at ten times its limit. */
export async function measureDoors(onProgress: (what: string) => void): Promise<Row[]> {
  if (process.platform !== 'linux') {
    const note =
      'attackers and honest callers need addresses of their own, which only Linux has on the loopback device';
    return [{ id: 'door-links', what: 'honest calls under idle links', value: undefined, unit: 'x', note }];
  }
  return [
    await measureLinks(),
    await measureHttp(),
    await measureRoutes(),
    ...(await measureFloods(TAKING_SCENES, onProgress)),
  ];
}

async function measureLinks(): Promise<Row> {
  const [quiet, attacked] = [await openLinks(), await openLinks()];
  const addresses = Array.from({ length: 8 }, (_, i) => `127.0.1.${i + 1}`);
  const held = await idleLinks.play({ door: attacked.door, links: 10 * LINKS, addresses });
  const samples = await measureInTurn(ROUNDS, {
    quiet: () => timeCalls(quiet.callers),
    attacked: () => timeCalls(attacked.callers),
  });
  held.close();
  await Promise.all([quiet.close(), attacked.close()]);
  return {
    id: 'door-links',
    what: `honest calls per second while ${10 * LINKS} idle links are opened at a limit of ${LINKS} / at rest`,
    value: pairedRatio(samples.attacked, samples.quiet),
    unit: 'x',
    aim: AIM,
    note: `${CALLERS} callers from addresses of their own, ${CALLS} calls each, ${ROUNDS} rounds; the attacker holds its links from 8 addresses`,
  };
}

/** A link server whose calls cost nothing, and callers that were there first: the attacker comes after them. */
async function openLinks() {
  const identity = await makeIdentity(1);
  const server = createLinkServer({
    identity,
    bind: { host: '127.0.0.1', port: 0 },
    authorize: () => true,
    routes: (router) => router.service(RouterService, { route: () => ({}) }),
    limits: { maxConnections: LINKS, callRate: { perSecond: 1e6, burst: 1e6 } },
  });
  await server.start();
  const door = { endpoint: server.address(), certHash: identity.id };
  const callers = await openCallers(door);
  return {
    door,
    callers,
    async close() {
      for (const caller of callers) caller.close();
      await server.stop(0);
    },
  };
}

const openCallers = (door: AttackedDoor): Promise<LinkClient[]> =>
  Promise.all(Array.from({ length: CALLERS }, (_, i) => openStrangerLink(door, `honest ${i}`, `127.0.2.${i + 1}`)));

/** @returns calls per second. */
async function timeCalls(callers: readonly LinkClient[]): Promise<number> {
  const startMs = performance.now();
  await Promise.all(
    callers.map(async (caller) => {
      const service = caller.service(RouterService);
      for (let i = 0; i < CALLS; i++) await service.route({});
    }),
  );
  return (callers.length * CALLS * 1000) / (performance.now() - startMs);
}

async function measureHttp(): Promise<Row> {
  const [quiet, attacked] = [await openHttp(), await openHttp()];
  const idle = Array.from({ length: 10 * LINKS }, (_, i) =>
    // The server closes most of them, some with a reset.
    connect({ ...attacked.address, localAddress: `127.0.1.${(i % 8) + 1}` }).on('error', () => {}),
  );
  const samples = await measureInTurn(ROUNDS, {
    quiet: () => timeHttp(quiet),
    attacked: () => timeHttp(attacked),
  });
  for (const socket of idle) socket.destroy();
  await Promise.all([quiet.close(), attacked.close()]);
  return {
    id: 'door-http',
    what: `HTTP requests per second of honest callers without a key while ${10 * LINKS} idle connections were opened at a port of ${LINKS} / at a quiet one`,
    value: pairedRatio(samples.attacked, samples.quiet),
    unit: 'x',
    aim: AIM,
    note: `${CALLERS} callers from addresses of their own, ${CALLS} requests each, ${ROUNDS} rounds; the attacker comes from 8 addresses, after them`,
  };
}

/** An HTTP server whose answers cost nothing, and callers with a connection each that were there first. */
async function openHttp() {
  const bind = { host: '127.0.0.1', port: 0 };
  const server = createHttpServer(
    { fetch: () => new Response('here') },
    { bind, headersTimeoutMs: 60_000, maxConnections: LINKS },
  );
  await server.start();
  const agents = Array.from(
    { length: CALLERS },
    (_, i) => new Agent({ keepAlive: true, maxSockets: 1, localAddress: `127.0.2.${i + 1}` }),
  );
  const address = server.address();
  const opened = { address, agents };
  await timeHttp(opened);
  return {
    ...opened,
    async close() {
      for (const agent of agents) agent.destroy();
      await server.stop();
    },
  };
}

interface HttpCallers {
  readonly address: { readonly host: string; readonly port: number };
  readonly agents: readonly Agent[];
}

/** @returns requests per second. @throws where one is refused. */
async function timeHttp({ address, agents }: HttpCallers): Promise<number> {
  const startMs = performance.now();
  await Promise.all(
    agents.map(async (agent) => {
      for (let i = 0; i < CALLS; i++) await getOnce(address, agent);
    }),
  );
  return (agents.length * CALLS * 1000) / (performance.now() - startMs);
}

function getOnce({ host, port }: HttpCallers['address'], agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ host, port, agent }, (response) => {
      response
        .resume()
        .once('end', () =>
          response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
        );
    }).once('error', reject);
  });
}

async function measureRoutes(): Promise<Row> {
  const [quiet, attacked] = [await openRouter(), await openRouter()];
  for (const router of [quiet, attacked]) await router.service.announce(router.announcement());
  const addresses = Array.from({ length: 4 }, (_, i) => `127.0.1.${i + 1}`);
  await routeSquatting.play({ door: attacked.door, model: FAKE_MODEL, tickets: 10 * SLOTS, addresses });
  const samples = await measureInTurn(ROUNDS, {
    quiet: () => timeRoutes(quiet),
    attacked: () => timeRoutes(attacked),
  });
  await Promise.all([quiet.close(), attacked.close()]);
  return {
    id: 'door-routes',
    what: `tickets per second of an honest gateway while ${10 * SLOTS} were asked for the ${SLOTS} slots of the only provider / of a quiet router`,
    value: pairedRatio(samples.attacked, samples.quiet),
    unit: 'x',
    aim: AIM,
    note: `${CALLS} tickets in a row, each reported, ${ROUNDS} rounds; the attacker asks from 4 addresses and reports none`,
  };
}

/** @returns tickets per second. @throws where the router calls its provider busy. */
async function timeRoutes({ service, route }: Awaited<ReturnType<typeof openRouter>>): Promise<number> {
  const startMs = performance.now();
  for (let i = 0; i < CALLS; i++) {
    const request = route(i % 256);
    const { ticket } = await service.route(request);
    const { providerId } = parseTicket(ticket?.ticket ?? new Uint8Array());
    await service.report({ replyId: request.replyId, providerId, outcome: 'ok', outputTokens: 1, durationMs: 1 });
  }
  return (CALLS * 1000) / (performance.now() - startMs);
}
