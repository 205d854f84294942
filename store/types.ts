/**
 * The store: documents in named collections, behind moleculer-db's adapter interface. Two of them exist,
 * SQLite (embedded) and MongoDB (mongoose); `test/conformance/store` holds both to this page.
 *
 * Every write is durable when its promise resolves. Writes of one turn of the event loop are committed
 * together (group commit), each with an answer of its own. A store that cannot answer rejects with
 * `StoreUnavailableError`; a taken id or unique value with `DuplicateKeyError`.
 */

export interface Document {
  _id: string;
}

/** MongoDB's query language: equality, $eq $ne $gt $gte $lt $lte $in $nin $exists $and $or $not $size $elemMatch. */
export type Query = Record<string, unknown>;

/** MongoDB's update operators: $set $unset $inc $push (with $each) $pull $addToSet. */
export type Update = Record<string, Record<string, unknown>>;

export interface Index {
  /** Dotted paths, in order; `-` in front sorts downwards. */
  fields: string[];
  unique?: boolean;
  /** Only documents that have the first field are in the index. */
  sparse?: boolean;
}

export interface CollectionOptions {
  name: string;
  indexes?: Index[];
}

export interface FindOptions {
  query?: Query;
  /** Fields, `-` in front for downwards: `["-createdAt", "-_id"]` (an array, or one string with blanks). */
  sort?: string | string[];
  limit?: number;
  offset?: number;
  /** Only these fields (and `_id`). */
  fields?: string[];
}

/** An update of at most one document; `query` has its `_id`, and whatever must still be true of it. */
export interface UpdateOne {
  query: Query & { _id: string };
  update: Update;
}

export interface Group {
  key: unknown;
  count: number;
  sum: number;
}

/**
 * One collection. The first block is moleculer-db's adapter interface, the second is what the hub needs
 * beyond it.
 */
export interface StoreAdapter<D extends Document = Document> {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  find(options?: FindOptions): Promise<D[]>;
  findOne(query: Query): Promise<D | null>;
  findById(id: string): Promise<D | null>;
  findByIds(ids: string[]): Promise<D[]>;
  count(options?: { query?: Query }): Promise<number>;
  /** Resolves with the document; rejects with DuplicateKeyError. */
  insert(doc: D): Promise<D>;
  /** All of them; rejects with DuplicateKeyError when one is taken (the others may be stored). */
  insertMany(docs: D[]): Promise<D[]>;
  /** How many documents matched. */
  updateMany(query: Query, update: Update): Promise<number>;
  updateById(id: string, update: Update): Promise<D | null>;
  /** How many documents went. */
  removeMany(query: Query): Promise<number>;
  removeById(id: string): Promise<D | null>;
  clear(): Promise<number>;

  /** Stores what is not there yet: for each document true, or false where its id or unique value was taken. */
  insertEach(docs: D[]): Promise<boolean[]>;
  /**
   * Conditional updates (compare-and-set), each with its own answer: true when the document was there, met
   * the query and has the update. False means "not known to be applied": reload and decide again. Updates
   * of one document in one call are applied in their order.
   */
  updateEach(updates: UpdateOne[]): Promise<boolean[]>;
  /** Counts, and sums of `sum` (a dotted path), for each value of the field `by`. */
  groupBy(options: { query?: Query; by: string; sum?: string }): Promise<Group[]>;
}

/** The collections of one node, and the connection under them. */
export interface Database {
  readonly kind: "sqlite" | "mongodb";
  /** One adapter for each collection and broker; give it to moleculer-db as `adapter`. */
  adapter<D extends Document>(options: CollectionOptions): StoreAdapter<D>;
  /** True when a read and a write would be answered now. */
  ping(): Promise<boolean>;
  close(): Promise<void>;
}
