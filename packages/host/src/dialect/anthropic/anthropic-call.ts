import type { MiddlewareHandler } from 'hono';
import type { ApiContext } from '../../http/api-app.ts';
import { ApiError } from '../../http/api-error.ts';

export const VERSION_HEADER = 'anthropic-version';
/** They differ in the models that take a temperature and in the form of citations. Here all models do, and no citations are sent. */
const VERSIONS: readonly string[] = ['2026-10-21', '2023-06-01'];

/** Whether the client speaks Anthropic's API: it asks for a message, or names a version, as for a list of models. */
export const isAnthropicCall = ({ req }: Pick<ApiContext, 'req'>): boolean =>
  /^\/v1\/messages(?:\/|$)/.test(req.path) || req.header(VERSION_HEADER) !== undefined;

/** Names the request as Anthropic's clients look for it. */
export const nameAnthropicRequest: MiddlewareHandler = async (context, next) => {
  if (isAnthropicCall(context)) context.header('request-id', context.get('requestId'));
  await next();
};

/** A client may name no version: the answers are the same. @throws ApiError */
export function assertAnthropicVersion({ req }: Pick<ApiContext, 'req'>): void {
  const version = req.header(VERSION_HEADER);
  if (version === undefined || VERSIONS.includes(version)) return;
  const message = `${VERSION_HEADER}: ${JSON.stringify(version.slice(0, 40))} is not served; send ${VERSIONS.join(' or ')}`;
  throw new ApiError('invalid_request', message);
}
