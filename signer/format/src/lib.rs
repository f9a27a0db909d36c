//! What a pouch is: manifest, index, names, limits and rule ids; bytes in, values out
