// A node of the tests, in a network of its own. `serve SEED HOST RELAY|CERT` registers and prints its routes. `call SEED
// ENDPOINT=SEED...` asks each of these nodes once and prints the way of the link. `node ADDRESS BOOTSTRAP...` helps others to
// punch holes; with PUNCH in the environment, a list of such nodes, the other two punch them.
import { setTimeout as delay } from 'node:timers/promises';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { parseHostPort } from '@ogong/host/link/host-port';
import { createLinkClient } from '@ogong/host/link/link-client';
import { createLinkServer } from '@ogong/host/link/link-server';
import { knownPeer } from '@ogong/host/link/peer-values';
import { createLadder, type Rung } from '@ogong/host/link/reach/ladder';
import { openPuncher, startPunchNode } from '@ogong/host/link/reach/punch';
import { createReachability } from '@ogong/host/link/reach/reachability';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';

const [verb, seed, ...rest] = process.argv.slice(2);
const identity = await makeIdentity(Number(seed) || 1);
const bootstrap = (process.env.PUNCH ?? '').split(' ').filter(Boolean).map(parseHostPort);
const puncher =
  bootstrap.length > 0 && verb !== 'node' ? await openPuncher({ bootstrap, dialPolicy: 'any' }) : undefined;
const print = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

if (verb === 'node') {
  await startPunchNode(parseHostPort(seed ?? ''), { bootstrap: rest.map(parseHostPort) });
  print('ready');
} else if (verb === 'serve') {
  const [host = '', relay = ''] = rest;
  let from: string | undefined;
  const server = createLinkServer({
    identity,
    bind: { host, port: 8443 },
    authorize(_peer, _method, group) {
      from = group;
      return true;
    },
    routes: (router) =>
      router.service(RouterService, { listModels: () => ({ models: [{ model: from ?? 'nobody' }] }) }),
  });
  await server.start();
  const reachability = createReachability(
    {
      puncher,
      direct: () => (puncher ? undefined : `${host}:8443`),
      relays: [{ ...knownPeer.parse(relay), dialPolicy: 'any' }],
    },
    {
      ...{ crypto: nodeCrypto, identity, accept: server.accept },
      onChange: ({ isRegistered, seenAt }) => print({ isRegistered, seenAt, endpoint: reachability.endpoint() }),
    },
  );
  reachability.start();
  // The route that is punched is there a moment later than the relay's.
  for (let said = ''; puncher; await delay(50)) {
    const endpoint = reachability.endpoint();
    if (endpoint !== said && endpoint.startsWith('punch/')) print({ endpoint });
    said = endpoint;
  }
} else if (verb === 'climb') {
  const [target = ''] = rest;
  const [endpoint = '', node] = target.split('=');
  const { id } = await makeIdentity(Number(node));
  // Nothing is punched before the relay has carried an answer, so that there is a link to move.
  const relayed = Promise.withResolvers<void>();
  const ladder = createLadder(endpoint, id, { dialPolicy: 'any', puncher }).map((rung): Rung => {
    if (rung.kind !== 'punch') return rung;
    return { ...rung, dial: (signal) => relayed.promise.then(() => rung.dial(signal)) };
  });
  const client = createLinkClient({
    ...{ endpoint: { host: 'ladder.invalid', port: 1 }, ladder, certHash: id, identity },
    limits: { headStartMs: 1, lookUpMs: 100 },
  });
  // Until it stands on the rung that is punched.
  for (let way = ''; !way.startsWith('punched'); await delay(20)) {
    way = (await client.service(RouterService).listModels({})).models[0]?.model ?? '';
    print(way);
    relayed.resolve();
  }
  client.close();
  await puncher?.close();
} else {
  for (const target of rest) {
    const [endpoint = '', node] = target.split('=');
    const { id } = await makeIdentity(Number(node));
    const client = createLinkClient({
      ...{
        endpoint: { host: 'ladder.invalid', port: 1 },
        ladder: createLadder(endpoint, id, { dialPolicy: 'any', puncher }),
        certHash: id,
        identity,
      },
      // Time enough to punch: the test is about the possible way, not the faster one.
      limits: { headStartMs: puncher ? 5_000 : 50, connectTimeoutMs: 20_000 },
    });
    const { models } = await client.service(RouterService).listModels({});
    print(models[0]?.model);
    client.close();
  }
  await puncher?.close();
}
