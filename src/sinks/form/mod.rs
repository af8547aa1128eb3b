//! Stub.
#![allow(missing_docs)]
use super::record::Labels; use super::spool::Kind;
#[derive(Clone, Copy, Debug, Default, serde::Deserialize, serde::Serialize, PartialEq, Eq)] #[serde(rename_all="lowercase")]
pub enum Form { #[default] Native }
impl Form { pub fn write(self,_:Kind,b:&[u8],_:&Labels,o:&mut Vec<u8>)->Result<(),std::io::Error>{o.extend_from_slice(b);Ok(())} }
