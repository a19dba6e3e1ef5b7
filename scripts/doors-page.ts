import { gatewayConfig } from '@ogong/gateway/gateway-config';
import { DEFAULT_SERVER_LIMITS as LINK } from '@ogong/host/link/link-limits';
import type { MethodRates } from '@ogong/host/link/link-server';
import { NEWCOMER_LIMITS } from '@ogong/host/link/newcomer-budget';
import type { RateLimit } from '@ogong/host/link/token-bucket';
import { MAX_SEATS } from '@ogong/protocol/beacon/threshold/tickets';
import { PROVIDER_RATES } from '@ogong/provider/provider/provider';
import { verifierConfig } from '@ogong/provider/verifier/verifier-config';
import { ROUTER_RATES } from '@ogong/router/router';
import { ratesOf } from '@ogong/validator/access';
import { HEARD_LIMITS } from '@ogong/validator/intake/hear-delivery';
import { MAX_ANNOUNCEMENTS } from '@ogong/validator/store/announcement-store';

type Limit = readonly [door: string, limit: string, beyond: string];

const HEAD = `# Doors

Generated from the constants that the daemons read (\`node scripts/run.mjs scripts/generated.ts\`): where strangers come in, how much they may
ask for, and what happens beyond it. A rate is so many per second, and a burst at once. An address is an IPv4 address, or the first 64 bits of an
IPv6 address. A known party is a validator of the registry; for a router also a provider that somebody has staked for, for a verifier also a
peer that calibrates ([links](spec/links.md)).

\`lab/src/attackers/protocol/doors.simulation.test.ts\` and \`lab/src/doors/floods.simulation.test.ts\` hold doors at ten times their limits: every honest
call is served, and the flood gets no further. What honest parties keep of their throughput: \`npm run bench -- --only doors,log-doors\`. [Measured](bench.md) so far: the rows of \`doors\`.
`;

const mib = (bytes: number): string => `${bytes / 2 ** 20} MiB`;
const rate = ({ perSecond, burst }: RateLimit): string => `${perSecond}, bursts of ${burst}`;
const refused = 'refused, `rate-limited`';

const ofMethods = (rates: MethodRates): Limit[] =>
  Object.entries(rates).map(([name, { perSecond, burst, burstNow, isApart }]) => [
    `calls of \`${name.replace('ogong.v1.', '')}\`, of one certificate; of strangers of one address`,
    [
      `${rate({ perSecond, burst })}; ${rate({ perSecond: 4 * perSecond, burst: 4 * burst })}`,
      ...(burstNow === undefined ? [] : [`bursts grow with the validators, to ${burstNow()} of one at ${MAX_SEATS}`]),
      ...(isApart ? ['those of known parties count by this alone'] : []),
    ].join('; '),
    refused,
  ]);

const LINKS: readonly Limit[] = [
  ['handshakes begun, of one address', rate(LINK.groupHandshakeRate), 'closed'],
  [
    'the same, where a stranger from there lost its links within a minute',
    rate(LINK.slowedHandshakeRate),
    'closed, unless a known party came from there',
  ],
  ['handshakes begun, of addresses without a known party', rate(LINK.handshakeRate), 'closed'],
  [
    'connections before their handshake, of one address; in all',
    `${LINK.maxHandshakesPerGroup}; ${LINK.maxHandshakes}`,
    'the oldest is closed',
  ],
  ['links of one certificate', `${LINK.maxConnectionsPerPeer}`, 'closed'],
  [
    'links of strangers of one address; in all',
    `${LINK.maxConnectionsPerGroup}; ${LINK.maxConnections}`,
    'the idlest makes room, or it is closed',
  ],
  ['of these, for known parties alone', `${LINK.reservedConnections}`, ''],
  [
    'calls of one certificate; of strangers of one address',
    `${rate(LINK.callRate)}; ${rate(LINK.groupCallRate)}`,
    refused,
  ],
  [
    'calls at once of one certificate; of strangers of one address',
    `${LINK.maxCallsPerPeer}; ${LINK.maxCallsPerGroup}`,
    refused,
  ],
  [
    'refusals by a limit, or for what nobody should send, of one certificate; of strangers of one address',
    `${rate(LINK.refusalRate)}; ${rate(LINK.groupRefusalRate)}`,
    'its links are closed',
  ],
  [
    'requests in memory beyond 64 KiB each: of one stranger; of one address; of all',
    [LINK.maxBodyBytesPerPeer, LINK.maxBodyBytesPerGroup, LINK.maxBodyBytes].map(mib).join('; '),
    refused,
  ],
  [
    'the same of one known party; of all together',
    [LINK.maxKnownBodyBytesPerPeer, LINK.maxKnownBodyBytes].map(mib).join('; '),
    refused,
  ],
];

const NEWCOMERS: readonly Limit[] = [
  ['orders of one address: refused, repeated, or of an unknown payer', rate(NEWCOMER_LIMITS.ofAddress), refused],
  ['orders of unknown payers, together', rate(NEWCOMER_LIMITS.ofStrangers), refused],
];

const VALIDATOR: readonly Limit[] = [
  ...ofMethods(ratesOf(() => MAX_SEATS)),
  ...NEWCOMERS,
  ['the same, of one provider with accepted replies', rate(NEWCOMER_LIMITS.ofProvider), refused],
  ['the same, of all such providers', rate(NEWCOMER_LIMITS.ofProviders), refused],
  ['announcements that are listed', `${MAX_ANNOUNCEMENTS}`, 'refused, `unavailable`'],
  [
    "other validators' deliveries: of one payer; in all",
    `${HEARD_LIMITS.ofPayer}; ${HEARD_LIMITS.all}`,
    'refused, `unavailable`',
  ],
];

const { maxConnections, maxConnectionsPerAddress, maxRequests, maxRequestsPerKey } = gatewayConfig.definition.fields;

const GATEWAY: readonly Limit[] = [
  ['HTTP connections', `${maxConnections.default}`, 'the idlest without a key makes room, or it is closed'],
  ['of these, of one address without a key', `${maxConnectionsPerAddress.default}`, 'the same'],
  ['of these, for callers with a key alone', 'a quarter', ''],
  ['requests at once; of one key', `${maxRequests.default}; ${maxRequestsPerKey.default}`, 'refused, 429'],
];

const DOORS: Readonly<Record<string, readonly Limit[]>> = {
  'Links of every daemon': LINKS,
  Router: ofMethods(ROUTER_RATES),
  Validator: VALIDATOR,
  Provider: [...ofMethods(PROVIDER_RATES), ...NEWCOMERS],
  Verifier: [
    [
      'jobs that wait',
      `${verifierConfig.definition.fields.maxWaiting.default}`,
      'those who ask take turns; the largest makes room',
    ],
  ],
  'HTTP port of a gateway': GATEWAY,
};

/** docs/doors.md */
export function formatDoorsPage(): string {
  const sections = Object.entries(DOORS).map(([title, limits]) => {
    const rows = [['door', 'limit', 'beyond it'], ['---', '---', '---'], ...limits];
    return `## ${title}\n\n${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
  });
  return [HEAD, ...sections].join('\n');
}
