import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { HostPort } from '@ogong/host/link/host-port';
import { createLinkClient, type LinkClient } from '@ogong/host/link/link-client';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkServer, type LinkServer, type MethodRates } from '@ogong/host/link/link-server';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { type Clock, monotonicClock } from '@ogong/host/time/clock';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { proveVrf } from '@ogong/protocol/crypto/vrf';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { network, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createAccess, VALIDATOR_RATES } from '@ogong/validator/access';
import { createBeaconDriver } from '@ogong/validator/beacon/beacon-driver';
import { createOpeningGrants } from '@ogong/validator/intake/opening-grants';
import { createValidatorMetrics } from '@ogong/validator/metrics';
import { MAX_EVIDENCE_BYTES } from '@ogong/validator/route-dependencies';
import { createRoutes } from '@ogong/validator/routes';

export interface ValidatorDoor {
  /** Seed {@link PEER} is a registered validator, everyone else a stranger. */
  connect(seed: number): Promise<LinkClient>;
  /** Errors of handlers that no caller may see: bugs. */
  readonly errors: unknown[];
  readonly door: { readonly endpoint: HostPort; readonly certHash: Uint8Array };
  close(): Promise<void>;
}

export const PEER = 71;

/** The routes of a validator, over a real link, on the parts of the test bench: no chain, no peers. */
export async function serveValidator(
  validator: TestValidator,
  {
    peerAddress = new Uint8Array(20).fill(PEER),
    bind = { host: '127.0.0.1', port: 0 },
    peerIdentity,
    rates = VALIDATOR_RATES,
    clock: uptime = monotonicClock,
  }: {
    readonly peerAddress?: Uint8Array;
    readonly bind?: HostPort;
    /** Of the registered validator. Default: that of {@link PEER}. */
    readonly peerIdentity?: LinkIdentity;
    /** Default: those of a validator. */
    readonly rates?: MethodRates;
    /** Clock of the limits of links. Default: this machine's time. */
    readonly clock?: Clock;
  } = {},
): Promise<ValidatorDoor> {
  const { intake, archive, cosigning, store, group, clock, signer } = validator;
  const [identity, peer] = await Promise.all([makeIdentity(70), peerIdentity ?? makeIdentity(PEER)]);
  const member: QuorumMember = {
    address: peerAddress,
    signingKey: peerAddress,
    stake: 100n,
    certHash: peer.id,
    vrfKey: new Uint8Array(32),
    endpoint: '127.0.0.1:1',
  };
  const members = [validator.member, member];
  const findByCertHash = (hash: Uint8Array) => (equalBytes(hash, peer.id) ? member : undefined);
  const chain = { findByCertHash, recallByCertHash: findByCertHash };
  const beacon = createBeaconDriver(
    { network, epochMs: 60_000 },
    {
      crypto,
      signer,
      clock,
      archive,
      group,
      proveVrf: (input) => proveVrf(new Uint8Array(32).fill(9), input),
      sets: { reading: () => ({ members, block: 0n }), findSet: () => members, isListed: () => true },
      send: async () => {},
      onCertified() {},
    },
  );
  const verdicts = { crypto, ...network, validator: signer.address };
  const metrics = createValidatorMetrics(createMetrics('validator'));
  const grants = createOpeningGrants(uptime);
  const errors: unknown[] = [];
  const server: LinkServer = createLinkServer(
    {
      bind,
      identity,
      authorize: createAccess({ chain, grants }),
      isKnown: (caller) => findByCertHash(caller) !== undefined,
      methodRates: rates,
      limits: { maxMessageBytes: MAX_EVIDENCE_BYTES },
      routes: createRoutes({
        ...{ intake, archive, wanted: new Set(), beacon, cosigning, store, verdicts, chain, grants, metrics },
        witness: validator.witnessing,
        charge: (caller, method, calls) => server.charge(caller, method, calls),
        blame: (caller, refused) => server.blame(caller, refused),
      }),
    },
    { clock: uptime, onError: (error) => errors.push(error) },
  );
  await server.start();
  const clients: LinkClient[] = [];
  return {
    errors,
    door: { endpoint: server.address(), certHash: identity.id },
    async connect(seed) {
      const client = createLinkClient({
        endpoint: server.address(),
        certHash: identity.id,
        identity: await makeIdentity(seed),
      });
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      await server.stop(0);
    },
  };
}
