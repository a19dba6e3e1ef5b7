/** Texts of a mesh's canaries, used if no traffic gives them a shape. They belong to nobody. */
export const CANARY_TEXTS: readonly string[] = [
  'Once there was a small boat that wanted to see the other side of the lake, and it waited for a day with wind.',
  'Please tell me in a few words how bread is made, and what one has to look out for when the dough rests.',
  'A fox and a hedgehog shared a garden. The fox liked the evening, the hedgehog liked the leaves under the old tree.',
  'List three things that are good to take along on a walk in the rain, and say why each of them is useful.',
  'My neighbour planted tomatoes too early this year. Which plants can stand a cold night in spring?',
  'The lamp in the window was the only light in the village, so everybody who came home late was glad of it.',
];
