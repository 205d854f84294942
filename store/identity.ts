/** moleculer-db's two hooks for a service whose id field has another name than `_id`. */

type Entity = Record<string, unknown>;

export function toStoredId(entity: Entity, idField: string): Entity {
  const copy = structuredClone(entity);
  if (idField !== "_id" && copy[idField] !== undefined) {
    copy._id = copy[idField];
    delete copy[idField];
  }
  return copy;
}

export function fromStoredId(entity: Entity, idField: string): Entity {
  if (idField !== "_id") {
    entity[idField] = entity._id;
    delete entity._id;
  }
  return entity;
}
