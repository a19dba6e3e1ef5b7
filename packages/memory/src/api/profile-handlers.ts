import { getCallSignal } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { parseJsonBody, readJsonBody } from '@ogong/host/http/body';
import { CATEGORIES } from '../memory.ts';
import type { ProfilePart } from '../pipeline/describe.ts';
import type { MemoryCounts } from '../service/count-memories.ts';
import type { ProfileText } from '../service/profiles.ts';
import { BIO_BODY, BIO_QUERY, PROFILE_QUERY } from './memory-bodies.ts';
import type { MemoryApiOptions, MemoryHandler } from './memory-handler.ts';
import { joinSentences, toBioJson } from './memory-json.ts';
import type { MemoryRouteName } from './memory-routes.ts';
import { readQuery } from './read-query.ts';

type ProfileRouteName = Extract<MemoryRouteName, 'profile' | 'bio' | 'bioEdit'>;

export function createProfileHandlers({
  bodyLimits,
}: Pick<MemoryApiOptions, 'bodyLimits'>): Readonly<Record<ProfileRouteName, MemoryHandler>> {
  return {
    async profile(context, { user, service }) {
      const { include, category, refresh: isRefreshed } = readQuery(context.req.query(), PROFILE_QUERY);
      const signal = getCallSignal(context);
      const read = (part: ProfilePart) => service.readProfile(user, { part, isRefreshed }, signal);
      const counts = await service.count(user);
      const shown: Record<string, unknown> = {};
      if (include.includes('bio')) shown.bio = toOptionalBio(await read('bio'));
      if (include.includes('categories')) {
        const wanted = category === undefined ? CATEGORIES : [category];
        const texts: Record<string, unknown> = {};
        // One after the other: each may ask a model.
        for (const name of wanted) if (counts.byCategory[name] > 0) texts[name] = toOptionalBio(await read(name));
        shown.categories = texts;
      }
      if (include.includes('insights')) shown.insights = toSentences(await read('insights'));
      if (include.includes('traits')) shown.traits = toSentences(await read('traits'));
      if (include.includes('stats')) shown.stats = toStatsJson(counts);
      return context.json(shown);
    },
    async bio(context, { user, service }) {
      const { refresh: isRefreshed } = readQuery(context.req.query(), BIO_QUERY);
      const bio = await service.readProfile(user, { part: 'bio', isRefreshed }, getCallSignal(context));
      if (bio === undefined) throw new ApiError('not_found', 'There are no memories to make a bio of.');
      return context.json({ bio: joinSentences(bio), ...toBioJson(bio) });
    },
    async bioEdit(context, { user, service }) {
      const { bio } = parseJsonBody(await readJsonBody(context, bodyLimits), BIO_BODY);
      await service.writeBio(user, bio);
      return context.json({ success: true });
    },
  };
}

const toOptionalBio = (text: ProfileText | undefined) => (text === undefined ? null : toBioJson(text));

const toSentences = (text: ProfileText | undefined) =>
  (text?.sentences ?? []).map(({ text: sentence, from }) => ({ text: sentence, memories: from }));

const toStatsJson = ({ total, byCategory, byType, oldestMs, newestMs }: MemoryCounts) => ({
  total_memories: total,
  by_category: byCategory,
  by_type: byType,
  oldest_at: oldestMs === undefined ? null : new Date(oldestMs).toISOString(),
  newest_at: newestMs === undefined ? null : new Date(newestMs).toISOString(),
});
