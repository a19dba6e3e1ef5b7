import type { PictureRun } from './results.ts';

/** Lists results that no run may have: an honest picture that is not accepted, and a cheat in all steps that passes its exact class. */
export const listMistakes = ({ models }: Pick<PictureRun, 'models'>): string[] =>
  models.flatMap(({ name, honest, attacks }) => [
    ...honest
      .filter(
        ({ refused, audits: { rejected, inconclusive, byTable } }) =>
          refused + rejected + inconclusive + byTable.rejected + byTable.inconclusive > 0,
      )
      .map(
        ({ request, provider, verifier }) =>
          `${name}: honest ${request} pictures of ${provider} are not all accepted by ${verifier}`,
      ),
    ...attacks
      .filter(({ isPartial, replies, refused, same }) => !isPartial && refused + (same?.rejected ?? 0) < replies)
      .map((attack) => `${name}: ${attack.name} passes an audit in its exact class`),
  ]);
