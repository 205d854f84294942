/** What `work` gives, or `late` once that takes longer than `ms`. Work that is late goes on by itself. */
export async function within<T, L>(ms: number, work: Promise<T>, late: L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<L>((resolve) => (timer = setTimeout(() => resolve(late), ms)));
  return Promise.race([work, tooLate]).finally(() => clearTimeout(timer));
}
