import { randomBytes } from 'node:crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { parseJsonBody, readBody, readJsonBody } from '@ogong/host/http/body';
import type { ImportedConversation } from '../imports/conversation.ts';
import { createImports, type ImportStatus, type Imports } from '../imports/imports.ts';
import { parseExport } from '../imports/parse-export.ts';
import { createPdfReader } from '../imports/pdf/pdf-reader.ts';
import { isReadable, readUserFile, readUtf8 } from '../imports/user-file.ts';
import { explainMemoryFailure } from './explain-failure.ts';
import { CHAT_IMPORT_QUERY, FILE_IMPORT_QUERY, SOCIAL_IMPORT_QUERY, WEBHOOK_BODY } from './memory-bodies.ts';
import type { MemoryApiOptions, MemoryCaller, MemoryHandler } from './memory-handler.ts';
import type { MemoryRouteName } from './memory-routes.ts';
import { readQuery } from './read-query.ts';
import type { MemoryEvent, WebhookSender } from './webhooks.ts';

type IntegrationRouteName = Extract<
  MemoryRouteName,
  'chatImport' | 'fileImport' | 'socialImport' | 'imports' | 'import' | 'webhook' | 'webhookEdit' | 'webhookRemoval'
>;

/** Bytes of an export or a file. It is parsed at once, about 20 ms a MiB. */
export const MAX_IMPORT_BYTES = 16 * 2 ** 20;
/** No web page sends these types without a preflight request. */
const UPLOAD_TYPE = /^application\/(?:json|octet-stream|pdf)\s*(?:;\s*charset=utf-8\s*)?$/i;
const SECRET_BYTES = 24;

interface IntegrationParts extends Pick<MemoryApiOptions, 'bodyLimits'> {
  readonly webhooks: WebhookSender;
}

export function createIntegrationHandlers(
  parts: IntegrationParts,
): Readonly<Record<IntegrationRouteName, MemoryHandler>> {
  const [imports, pdfs] = [createImports(), createPdfReader()];
  return {
    ...createWebhookHandlers(parts),
    async chatImport(context, caller) {
      const { source, speaker, dates, agent_id: agentId } = readQuery(context.req.query(), CHAT_IMPORT_QUERY);
      const text = readUtf8(await readUpload(context, parts));
      const conversations = parseExport(source, text, { speaker, dates });
      return startImport({ context, caller, imports, ...parts }, { source, agentId, conversations });
    },
    async socialImport(context, caller) {
      const { source, agent_id: agentId } = readQuery(context.req.query(), SOCIAL_IMPORT_QUERY);
      const text = readUtf8(await readUpload(context, parts));
      const conversations = parseExport(source, text, { speaker: undefined, dates: undefined });
      return startImport({ context, caller, imports, ...parts }, { source, agentId, conversations });
    },
    async fileImport(context, caller) {
      const { name, agent_id: agentId } = readQuery(context.req.query(), FILE_IMPORT_QUERY);
      if (!isReadable(name))
        throw new ApiError(
          'unsupported_media_type',
          'name: text, Markdown and PDF are read: .txt, .md, .markdown or .pdf.',
        );
      imports.assertRoom(caller.user);
      const bytes = await readUpload(context, parts);
      const options = { pdfs, user: caller.user, signal: getCallSignal(context) };
      const conversations = await readUserFile({ name, bytes }, options);
      return startImport({ context, caller, imports, ...parts }, { source: 'file', agentId, conversations });
    },
    imports: async ({ json }, { user }) => json({ imports: imports.list(user).map(toStatusJson) }),
    async import({ req, json }, { user }) {
      const status = imports.get(user, req.param('id') ?? '');
      if (status === undefined) throw new ApiError('not_found', 'There is no such import; a restart forgets them.');
      return json(toStatusJson(status));
    },
  };
}

interface ImportPlace extends IntegrationParts {
  readonly context: ApiContext;
  readonly caller: MemoryCaller;
  readonly imports: Imports;
}

interface GivenImport {
  readonly source: string;
  readonly agentId: string;
  readonly conversations: readonly ImportedConversation[];
}

/** The import goes on after the answer, until the server stops. */
function startImport({ context, caller, imports, webhooks }: ImportPlace, given: GivenImport): Response {
  const { stopping, waitUntil } = context.env;
  const explain = (error: unknown): string =>
    explainMemoryFailure(error)?.message ?? context.get('explain')(error).message;
  const signal = stopping ?? new AbortController().signal;
  const { status, ended } = imports.start({ ...caller, ...given }, { signal, explain });
  const told = ended.then(({ id, state, memoriesCreated }) => {
    const data = { import_id: id, status: state, memories_created: memoriesCreated };
    return sendEvent(context, caller, webhooks, { type: 'import.ended', data });
  });
  waitUntil?.(told);
  return context.json(toStatusJson(status), 202);
}

/** Sends an event to the user's webhook, if there is one, after the answer. */
export async function sendEvent(
  { env }: Pick<ApiContext, 'env'>,
  { user, service }: MemoryCaller,
  webhooks: WebhookSender,
  event: MemoryEvent,
): Promise<void> {
  const webhook = await service.readWebhook(user);
  if (webhook === undefined) return;
  const sent = webhooks.send(webhook, event, env.stopping);
  env.waitUntil?.(sent);
}

const toStatusJson = ({ id, source, state, calls, callsDone, memoriesCreated, error, ...counts }: ImportStatus) => ({
  ...{ import_id: id, source, status: state, calls, calls_done: callsDone, memories_created: memoriesCreated },
  ...{ refused: counts.refused, duplicates: counts.duplicates, error: error ?? null },
});

/** @throws ApiError 408, 413 or 415 */
function readUpload(context: ApiContext, { bodyLimits }: Pick<IntegrationParts, 'bodyLimits'>): Promise<Uint8Array> {
  if (!UPLOAD_TYPE.test(context.req.header('content-type') ?? ''))
    throw new ApiError(
      'unsupported_media_type',
      'Send the file as content-type: application/json, application/pdf or application/octet-stream.',
    );
  return readBody(context, { ...bodyLimits, maxBytes: MAX_IMPORT_BYTES });
}

function createWebhookHandlers({
  bodyLimits,
}: IntegrationParts): Pick<Record<IntegrationRouteName, MemoryHandler>, 'webhook' | 'webhookEdit' | 'webhookRemoval'> {
  return {
    async webhook({ json }, { user, service }) {
      return json({ url: (await service.readWebhook(user))?.url ?? null });
    },
    async webhookEdit(context, { user, service }) {
      const { url } = parseJsonBody(await readJsonBody(context, bodyLimits), WEBHOOK_BODY);
      const { username, password } = new URL(url);
      if (username !== '' || password !== '')
        throw new ApiError('invalid_request', 'url: an address without user and password is expected.', {
          param: 'url',
        });
      const secret = new Secret(`whsec_${randomBytes(SECRET_BYTES).toString('base64')}`);
      await service.writeWebhook(user, { url, secret });
      return context.json({ url, secret: secret.reveal() });
    },
    async webhookRemoval({ json }, { user, service }) {
      await service.writeWebhook(user, undefined);
      return json({ success: true });
    },
  };
}
