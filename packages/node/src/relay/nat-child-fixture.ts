// A node of the tests, in a network of its own: `serve SEED HOST RELAY|CERT` registers and prints its routes; `call SEED ENDPOINT=SEED...`
// asks each of these nodes once and prints which way it came and how long that took.
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createLadder } from '@ogong/host/link/ladder';
import { createLinkClient } from '@ogong/host/link/link-client';
import { createLinkServer } from '@ogong/host/link/link-server';
import { knownPeer } from '@ogong/host/link/peer-values';
import { createReachability } from '@ogong/host/link/reachability';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';

const [verb, seed, ...rest] = process.argv.slice(2);
const identity = await makeIdentity(Number(seed));
const print = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

if (verb === 'serve') {
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
    { direct: () => `${host}:8443`, relays: [knownPeer.parse(relay)] },
    {
      ...{ crypto: nodeCrypto, identity, accept: server.accept },
      onChange: ({ isRegistered, seenAt }) => print({ isRegistered, seenAt, endpoint: reachability.endpoint() }),
    },
  );
  reachability.start();
} else {
  for (const target of rest) {
    const [endpoint = '', node] = target.split('=');
    const { id } = await makeIdentity(Number(node));
    const client = createLinkClient({
      ...{ endpoint: { host: 'ladder.invalid', port: 1 }, ladder: createLadder(endpoint, id), certHash: id, identity },
      limits: { headStartMs: 50 },
    });
    const { models } = await client.service(RouterService).listModels({});
    print(models[0]?.model);
    client.close();
  }
}
