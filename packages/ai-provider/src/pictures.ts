import type { ImageModelV4, ImageModelV4File, JSONArray, SharedV4Warning } from '@ai-sdk/provider';
import { splitOptions } from './fields.ts';
import { METADATA, readChecks } from './metadata.ts';
import { postChecked } from './post-checked.ts';

interface PictureAnswer {
  readonly created: number;
  readonly data: readonly { readonly b64_json: string }[];
  readonly usage?: { readonly input_tokens: number; readonly output_tokens: number; readonly total_tokens: number };
}

/** Of one request. The AI SDK sends several requests for more of them. */
const MOST_PICTURES = 8;

/** The SDK's provider for OpenAI's API leaves the seed out, and shows no metadata. */
export function createImageModel({
  modelId,
  url,
  editUrl,
  checked,
}: {
  readonly modelId: string;
  readonly url: string;
  /** Changes pictures. */
  readonly editUrl: string;
  readonly checked: typeof globalThis.fetch;
}): ImageModelV4 {
  return {
    specificationVersion: 'v4',
    provider: `${METADATA}.image`,
    modelId,
    maxImagesPerCall: MOST_PICTURES,
    supportsFileInputs: true,
    supportsMaskInputs: true,
    async doGenerate({ prompt, n, size, seed, aspectRatio, files, mask, providerOptions, headers, abortSignal }) {
      const { fields, rest } = splitOptions(providerOptions);
      const body = {
        ...{ model: modelId, prompt, n },
        ...(size !== undefined && { size }),
        ...(seed !== undefined && { seed }),
        ...rest[METADATA],
        ...(fields && { ogong: fields }),
        ...(files?.length && { image: files.map(toUrl), ...(mask && { mask: toUrl(mask) }) }),
        response_format: 'b64_json',
      };
      const changed = files?.length ? editUrl : url;
      const answer = await postChecked<PictureAnswer>(checked, { url: changed, body, headers, abortSignal });
      const { usage } = answer;
      const images = answer.data.map(({ b64_json: base64 }) => base64);
      return {
        images,
        warnings: listUnsupported({ aspectRatio, mask: files?.length ? undefined : mask }),
        response: { timestamp: new Date(answer.created * 1000), modelId, headers: undefined },
        // The AI SDK keeps `images` of it alone, when it joins requests.
        providerMetadata: { [METADATA]: { images: readChecks(answer)?.[METADATA]?.checked as JSONArray } },
        ...(usage && {
          usage: {
            ...{ inputTokens: usage.input_tokens, outputTokens: usage.output_tokens },
            totalTokens: usage.total_tokens,
          },
        }),
      };
    },
  };
}

/** Returns a file as an URL. The gateway fetches no address, and says so. */
function toUrl(file: ImageModelV4File): string {
  if (file.type === 'url') return file.url;
  const base64 =
    typeof file.data === 'string'
      ? file.data
      : btoa(Array.from(file.data, (byte) => String.fromCharCode(byte)).join(''));
  return `data:${file.mediaType};base64,${base64}`;
}

const listUnsupported = (given: Readonly<Record<string, unknown>>): SharedV4Warning[] =>
  Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .map(([feature]) => ({
      type: 'unsupported',
      feature,
      details: 'A picture has a size, and a mask needs a picture.',
    }));
