//! A rebuild folds into the next generation with the same steps as the projector (P20).

use async_trait::async_trait;

use super::super::Write;
use super::generation::{self, Tables};
use super::{ProjectionStore, fold_batch};
use crate::ports::{FoldBatch, NextFold, ProjectionError, ProjectionRebuild, RebuildTicket};

#[async_trait]
impl ProjectionRebuild for ProjectionStore {
    async fn begin_rebuild(&self) -> Result<RebuildTicket, ProjectionError> {
        let result = self
            .writer
            .write(Write::relaxed("begin_rebuild"), |file| {
                Ok(generation::begin(file)?)
            })
            .await;
        self.answer("begin_rebuild", result)
    }

    async fn fold_next(
        &self,
        ticket: RebuildTicket,
        batch: FoldBatch,
        flip: Option<Vec<i32>>,
    ) -> Result<NextFold, ProjectionError> {
        let write = match flip {
            Some(_) => Write::flushed("flip"),
            None => Write::relaxed("fold_next"),
        };
        let result = self
            .writer
            .write(write, move |file| {
                generation::check(file, ticket)?;
                let outcome = fold_batch(file, Tables::Next, &batch)?;
                let flipped = match &flip {
                    Some(lost) => generation::flip(file, lost)?,
                    None => false,
                };
                Ok(NextFold { outcome, flipped })
            })
            .await;
        self.answer("fold_next", result)
    }

    async fn abandon_rebuild(&self, ticket: RebuildTicket) -> Result<(), ProjectionError> {
        let result = self
            .writer
            .write(Write::relaxed("abandon_rebuild"), move |file| {
                generation::check(file, ticket)?;
                Ok(generation::drop_next(file)?)
            })
            .await;
        match self.answer("abandon_rebuild", result) {
            Err(ProjectionError::Fenced) => Ok(()),
            other => other,
        }
    }
}
