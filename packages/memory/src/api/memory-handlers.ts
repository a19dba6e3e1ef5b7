import { type ApiContext, getCallSignal, type Handler } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { parseJsonBody, readJsonBody } from '@ogong/host/http/body';
import { z } from 'zod';
import type { AddResult } from '../service/add-request.ts';
import { explainMemoryFailure } from './explain-failure.ts';
import { createIntegrationHandlers, MAX_IMPORT_BYTES, sendEvent } from './integration-handlers.ts';
import { createKeyHandlers } from './key-handlers.ts';
import { ADDITION_BODY, EDIT_BODY, LIST_QUERY, QUESTION_BODY, SEARCH_BODY } from './memory-bodies.ts';
import type { MemoryApiOptions, MemoryHandler } from './memory-handler.ts';
import { toAnswerJson, toFoundJson, toMemoryJson, toProofJson, toSearchBio } from './memory-json.ts';
import { MEMORY_ROUTES, type MemoryRouteName } from './memory-routes.ts';
import { createOpenApi } from './openapi.ts';
import { parseProof } from './parse-proof.ts';
import { createProfileHandlers } from './profile-handlers.ts';
import { readQuery } from './read-query.ts';
import { createWebhookSender, type WebhookSender } from './webhooks.ts';

/** Handlers of all routes of MEMORY_ROUTES, for a daemon or a gateway. */
export function createMemoryHandlers(options: MemoryApiOptions): Readonly<Record<MemoryRouteName, Handler>> {
  const webhooks = createWebhookSender(options.webhooks);
  const handlers: Readonly<Record<MemoryRouteName, MemoryHandler>> = {
    ...createIntegrationHandlers({ ...options, webhooks }),
    ...createOneHandlers(options),
    ...createProfileHandlers(options),
    ...createKeyHandlers(options),
    addition: createAddition(options, webhooks),
    search: createSearch(options),
    async list({ req, json }, { user, service }) {
      const { limit, before, category, ...given } = readQuery(req.query(), LIST_QUERY);
      const filter = { ...toFilter(given), ...(category && { categories: [category] }) };
      const memories = await service.list(user, filter, { limit, ...(before !== undefined && { before }) });
      return json({ memories: memories.map(toMemoryJson), has_more: memories.length === limit });
    },
    document: async ({ json }) => json(createOpenApi()),
    async importation(context, { user, service }) {
      const limits = { ...options.bodyLimits, maxBytes: MAX_IMPORT_BYTES };
      const proof = parseProof(parseJsonBody(await readJsonBody(context, limits), z.unknown()));
      return context.json({ outcome: await service.import(user, proof, getCallSignal(context)) });
    },
    async question(context, { user, service }) {
      const request = parseJsonBody(await readJsonBody(context, options.bodyLimits), QUESTION_BODY);
      return context.json(toAnswerJson(await service.answer(user, request, getCallSignal(context))));
    },
    userRemoval: async ({ json }, { user, service }) => json({ success: await service.removeUser(user) }),
  };
  const names = Object.keys(handlers) as MemoryRouteName[];
  return Object.fromEntries(
    names.map((name) => [name, options.require(MEMORY_ROUTES[name].scope, explained(handlers[name]))]),
  ) as Record<MemoryRouteName, Handler>;
}

const explained =
  (handle: MemoryHandler): MemoryHandler =>
  async (context, caller) => {
    try {
      return await handle(context, caller);
    } catch (error) {
      throw explainMemoryFailure(error) ?? error;
    }
  };

const createAddition =
  ({ clock, bodyLimits }: MemoryApiOptions, webhooks: WebhookSender): MemoryHandler =>
  async (context, caller) => {
    const { user, service } = caller;
    const startedMs = clock.nowMs();
    const body = parseJsonBody(await readJsonBody(context, bodyLimits), ADDITION_BODY);
    const { agent_id: agentId, thread_id: threadId, source, metadata } = body;
    const messages = body.messages.map(({ role, content, created_at: timeMs }) => ({
      ...{ role, content },
      ...(timeMs !== undefined && { timeMs }),
    }));
    const request = { messages, agentId, threadId, source, ...(metadata && { metadata }) };
    const added = await service.add(user, request, getCallSignal(context));
    const ids = added.memories.map(({ id }) => id);
    if (ids.length > 0) await sendEvent(context, caller, webhooks, { type: 'memories.added', data: { memories: ids } });
    return context.json({ ...toAdditionJson(added), processing_time: (clock.nowMs() - startedMs) / 1000 });
  };

export const toAdditionJson = ({ memories, refused, duplicates, isRepeated }: AddResult) => ({
  success: true,
  memories_created: memories.length,
  categories_detected: [...new Set(memories.flatMap(({ categories }) => categories))],
  memories: memories.map(toMemoryJson),
  /** Proposals that the checks refused (docs/spec/memory.md#candidate-checks). */
  refused: refused.map(({ code, text }) => ({ code, text: text ?? null })),
  duplicates,
  repeated: isRepeated,
});

const createSearch =
  ({ bodyLimits }: MemoryApiOptions): MemoryHandler =>
  async (context, { user, service }) => {
    const body = parseJsonBody(await readJsonBody(context, bodyLimits), SEARCH_BODY);
    const { query, limit, rerank, include_bio: includeBio, categories, ...given } = body;
    const request = { query, limit, rerank, includeBio, ...toFilter(given), ...(categories && { categories }) };
    const { memories, bio } = await service.search(user, request, getCallSignal(context));
    return context.json({ ...toSearchBio(bio), memories: memories.map(toFoundJson) });
  };

/** Routes of one memory. */
function createOneHandlers({
  bodyLimits,
}: MemoryApiOptions): Pick<
  Record<MemoryRouteName, MemoryHandler>,
  'memory' | 'edit' | 'removal' | 'history' | 'proof'
> {
  return {
    async memory(context, { user, service }) {
      return context.json(toMemoryJson((await service.get(user, readId(context))) ?? refuseUnknown()));
    },
    async edit(context, { user, service }) {
      const id = readId(context);
      const body = parseJsonBody(await readJsonBody(context, bodyLimits), EDIT_BODY);
      const { content: text, metadata, category, categories = category && [category], type } = body;
      const fields = { ...(metadata && { metadata }), ...(categories && { categories }), ...(type && { type }) };
      const edit = { ...fields, ...(text !== undefined && { text }) };
      const edited = await service.edit(user, id, edit, getCallSignal(context));
      return context.json(toMemoryJson(edited ?? refuseUnknown()));
    },
    async removal(context, { user, service }) {
      if (!(await service.remove(user, readId(context)))) refuseUnknown();
      return context.json({ success: true });
    },
    async history(context, { user, service }) {
      const history = await service.readHistory(user, readId(context));
      if (history.length === 0) refuseUnknown();
      return context.json({ memories: history.map(toMemoryJson) });
    },
    async proof(context, { user, service }) {
      return context.json(toProofJson((await service.readProof(user, readId(context))) ?? refuseUnknown()));
    },
  };
}

function refuseUnknown(): never {
  throw new ApiError('not_found', 'There is no such memory.');
}

function readId({ req }: ApiContext): string {
  const id = req.param('id') ?? '';
  return /^[0-9a-f]{32}$/.test(id) ? id : refuseUnknown();
}

function toFilter({
  type,
  agent_id: agentId,
  thread_id: threadId,
  as_of: asOfMs,
}: Pick<z.infer<typeof LIST_QUERY>, 'type' | 'agent_id' | 'thread_id' | 'as_of'>) {
  return {
    ...{ ...(type && { type }), ...(agentId && { agentId }), ...(threadId && { threadId }) },
    ...(asOfMs !== undefined && { asOfMs }),
  };
}
