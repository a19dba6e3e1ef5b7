import { ENDPOINT_INFO, ENDPOINTS, type EndpointName } from '../modality/endpoints.ts';

/** One endpoint of an HTTP API. `:name` in the path stands for one segment, `:name{.+}` for all segments that follow. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
}

/** APIs other than OpenAI's completions, whose requests become chats (docs/spec/dialects.md). */
const DIALECT_ANSWERS = {
  response: { method: 'POST', path: '/v1/responses' },
  message: { method: 'POST', path: '/v1/messages' },
} as const satisfies Readonly<Record<string, Route>>;

export const DIALECT_ROUTES = {
  ...DIALECT_ANSWERS,
  responseCount: { method: 'POST', path: '/v1/responses/input_tokens' },
  messageCount: { method: 'POST', path: '/v1/messages/count_tokens' },
} as const satisfies Readonly<Record<string, Route>>;

/** The endpoints of all modalities. */
export const INFERENCE_ROUTES = Object.fromEntries(
  ENDPOINTS.map((name) => [name, { method: 'POST', path: ENDPOINT_INFO[name].path }]),
) as {
  readonly [Name in EndpointName]: { readonly method: 'POST'; readonly path: (typeof ENDPOINT_INFO)[Name]['path'] };
};

/** Routes on which a model answers. */
export const ANSWERING_ROUTES = { ...INFERENCE_ROUTES, ...DIALECT_ANSWERS };

/** A gateway's HTTP API (docs/spec/request.md). Server and client both use this table. */
export const GATEWAY_ROUTES = {
  ...INFERENCE_ROUTES,
  ...DIALECT_ROUTES,
  models: { method: 'GET', path: '/v1/models' },
  // Model ids contain slashes, which most clients do not encode.
  model: { method: 'GET', path: '/v1/models/:id{.+}' },
  // Single offers.
  endpoints: { method: 'GET', path: '/v1/endpoints' },
  // For clients that seal their requests themselves (docs/spec/sealed-calls.md).
  sealedOffer: { method: 'POST', path: '/v1/ogong/offers' },
  sealedReply: { method: 'POST', path: '/v1/ogong/replies' },
  sealedProgress: { method: 'POST', path: '/v1/ogong/replies/:id/progress' },
  sealedOutcome: { method: 'POST', path: '/v1/ogong/replies/:id/outcome' },
  receipt: { method: 'GET', path: '/v1/receipts/:id' },
  opening: { method: 'GET', path: '/v1/receipts/:id/opening' },
  // The committed steps of a picture, and the values that a client replays a reply from.
  trajectory: { method: 'GET', path: '/v1/trajectory/:id' },
  replay: { method: 'GET', path: '/v1/replay/:id' },
  // Usage of the calling key.
  usage: { method: 'GET', path: '/v1/usage' },
  health: { method: 'GET', path: '/healthz' },
  metrics: { method: 'GET', path: '/metrics' },
} as const satisfies Readonly<Record<string, Route>>;

/**
 * Routes that a gateway reads for any caller, without a key, because browsers cannot speak to validators
 * (docs/spec/public-api.md). The reader verifies the results.
 */
export const PUBLIC_ROUTES = {
  network: { method: 'GET', path: '/public/network' },
  // Signed: everything that a machine needs to know before it joins (docs/spec/network.md).
  networkDocument: { method: 'GET', path: '/public/network/document' },
  supply: { method: 'GET', path: '/public/models' },
  offers: { method: 'GET', path: '/public/offers' },
  reply: { method: 'GET', path: '/public/replies/:id' },
  // Receipts whose payers chose to publish them.
  receipt: { method: 'GET', path: '/public/receipts/:id' },
  verdicts: { method: 'GET', path: '/public/validators/:address/verdicts' },
  head: { method: 'GET', path: '/public/validators/:address/heads/:sequence' },
  beacon: { method: 'GET', path: '/public/beacon/:epoch' },
  driftTable: { method: 'GET', path: '/public/drift-table' },
  // Models of the hub (docs/spec/public-api.md#hub).
  hubModels: { method: 'GET', path: '/v1/hub/models' },
  hubModel: { method: 'GET', path: '/v1/hub/models/:maker/:model' },
} as const satisfies Readonly<Record<string, Route>>;

/** A gateway's account routes, for holders of an admin secret (docs/accounts.md#admin-api). */
export const ADMIN_ROUTES = {
  adminOrganisations: { method: 'GET', path: '/admin/v1/organisations' },
  adminOrganisation: { method: 'POST', path: '/admin/v1/organisations' },
  adminMembers: { method: 'GET', path: '/admin/v1/members' },
  adminMember: { method: 'POST', path: '/admin/v1/members' },
  adminMemberRemoval: { method: 'DELETE', path: '/admin/v1/members/:organisation/:id' },
  adminMemberRotation: { method: 'POST', path: '/admin/v1/members/:organisation/:id/rotate' },
  adminKeys: { method: 'GET', path: '/admin/v1/keys' },
  adminKey: { method: 'POST', path: '/admin/v1/keys' },
  adminKeyRevocation: { method: 'DELETE', path: '/admin/v1/keys/:id' },
  adminKeyRotation: { method: 'POST', path: '/admin/v1/keys/:id/rotate' },
  adminCredits: { method: 'GET', path: '/admin/v1/credits' },
  adminCredit: { method: 'POST', path: '/admin/v1/credits' },
  adminSignedDeposit: { method: 'POST', path: '/admin/v1/credits/transfers' },
  adminUsage: { method: 'GET', path: '/admin/v1/usage' },
  adminAudit: { method: 'GET', path: '/admin/v1/audit' },
} as const satisfies Readonly<Record<string, Route>>;

/** Signed notices from other services to a gateway (docs/accounts.md#by-card). */
export const HOOK_ROUTES = {
  card: { method: 'POST', path: '/hooks/card' },
} as const satisfies Readonly<Record<string, Route>>;

/** A gateway's web pages, which read the routes above. */
export const PAGE_ROUTES = {
  chat: { method: 'GET', path: '/' },
  admin: { method: 'GET', path: '/admin/' },
  explorer: { method: 'GET', path: '/explorer' },
  explorerRoot: { method: 'GET', path: '/explorer/' },
  pageFile: { method: 'GET', path: '/explorer/:name' },
} as const satisfies Readonly<Record<string, Route>>;

export type HookRouteName = keyof typeof HOOK_ROUTES;
export type AdminRouteName = keyof typeof ADMIN_ROUTES;
export type PageRouteName = keyof typeof PAGE_ROUTES;
export type PublicRouteName = keyof typeof PUBLIC_ROUTES;

/**
 * On an answer: the address of its receipt. On a request, with the value below: receipts and checks come with the answer, and
 * not only by reference.
 */
export const RECEIPT_HEADER = 'x-ogong-receipt';
export const RECEIPT_INLINE = 'inline';
/** On a request: the id of the provider that must answer it, 64 hexadecimal digits (docs/spec/canary.md). */
export const PROVIDER_HEADER = 'x-ogong-provider';

/** On a request, with any value: the stream of a picture names each step, in events that OpenAI's API does not have. */
export const STEPS_HEADER = 'x-ogong-steps';

/** On a request: the part of its replies that becomes public (docs/accounts.md#settlement-types). The header's name is OpenGradient's. */
export const SETTLEMENT_HEADER = 'x-settlement-type';
export const SETTLEMENT_TYPES = ['private', 'batch', 'individual'] as const;
export type SettlementType = (typeof SETTLEMENT_TYPES)[number];

export type GatewayRouteName = keyof typeof GATEWAY_ROUTES;

/** Names of the parameters in a path. */
type ParameterOf<Path extends string> = Path extends `${infer Segment}/${infer Rest}`
  ? ParameterOf<Segment> | ParameterOf<Rest>
  : Path extends `:${infer Name}{${string}}`
    ? Name
    : Path extends `:${infer Name}`
      ? Name
      : never;

/** Formats the path of a route with its parameters, percent-encoded. */
export function formatPath<R extends Route>(
  { path }: R,
  parameters: Readonly<Record<ParameterOf<R['path']>, string>>,
): string {
  const values: Readonly<Record<string, string>> = parameters;
  return path.replace(/:([a-z]+)(?:\{[^}]*\})?/g, (_, name: string) => encodeURIComponent(values[name] ?? ''));
}
